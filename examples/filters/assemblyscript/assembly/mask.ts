// Finds words in bytes. By addresses: what holds objects is followed by the garbage collector, at each call and each turn.

/** How many words `mask` found. */
export let found: u64 = 0;

/** Masks in place each occurrence of each word (in lower case), in any case of its ASCII letters; at each place the longest wins. */
export function mask(text: Uint8Array, words: Uint8Array[]): void {
  found = 0;
  const end = text.dataStart + text.length;
  for (let at = text.dataStart; at < end; at++) {
    let longest: usize = 0;
    for (let w = 0; w < words.length; w++) {
      const word = changetype<usize>(unchecked(words[w]));
      const length = <usize>load<u32>(word, offsetof<Uint8Array>("byteLength"));
      const start = load<usize>(word, offsetof<Uint8Array>("dataStart"));
      if (length > longest && at + length <= end && stands(start, length, at)) longest = length;
    }
    if (longest == 0) continue;
    found++;
    memory.fill(at, 0x2a, longest);
    at += longest - 1;
  }
}

function stands(word: usize, length: usize, at: usize): bool {
  for (let i: usize = 0; i < length; i++) if (lower(load<u8>(at + i)) != load<u8>(word + i)) return false;
  return true;
}

/** A byte's letter in lower case, if it is one of ASCII. */
export function lower(byte: u8): u8 {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}
