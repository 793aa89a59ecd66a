// Finds words in text.

/** Masks each occurrence of each word, in any case of its ASCII letters; at each place the longest word wins. */
export function masker(words: string[]): (text: string) => { masked: string; found: number } {
  const longestFirst = words.toSorted((a, b) => b.length - a.length);
  // Without the flag i: it would take letters beyond ASCII for others.
  const eitherCase = (letter: string) =>
    /[a-z]/i.test(letter) ? `[${letter.toLowerCase()}${letter.toUpperCase()}]` : letter.replace(/[^\w\s]/, "\\$&");
  const pattern = new RegExp(longestFirst.map((word) => [...word].map(eitherCase).join("")).join("|"), "g");
  return (text) => {
    let found = 0;
    const masked = text.replace(pattern, (word) => {
      found += 1;
      return "*".repeat(word.length);
    });
    return { masked, found };
  };
}
