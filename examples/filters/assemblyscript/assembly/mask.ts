// Finds words in bytes.

/** How many words `mask` found. */
export let found: u64 = 0;

/** Masks in place each occurrence of each word (in lower case), in any case of its ASCII letters; at each place the longest wins. */
export function mask(text: Uint8Array, words: Uint8Array[]): void {
  found = 0;
  for (let at = 0; at < text.length; at++) {
    let longest = 0;
    for (let w = 0; w < words.length; w++) {
      const word = unchecked(words[w]);
      if (word.length > longest && at + word.length <= text.length && stands(word, text, at)) longest = word.length;
    }
    if (longest == 0) continue;
    found++;
    text.fill(0x2a, at, at + longest);
    at += longest - 1;
  }
}

function stands(word: Uint8Array, text: Uint8Array, at: i32): bool {
  for (let i = 0; i < word.length; i++) if (lower(unchecked(text[at + i])) != unchecked(word[i])) return false;
  return true;
}

/** A byte's letter in lower case, if it is one of ASCII. */
export function lower(byte: u8): u8 {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}
