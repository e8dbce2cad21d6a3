/** Some take several bytes per character, so that splitting bytes splits characters too. */
const WORDS = [
  'river',
  'gate',
  'naïve',
  'stone',
  '水门',
  'ledger',
  'token',
  'café',
  'lock',
  '🚰',
  'level',
  'flow',
];

/** Makes `count` deterministic words, each one piece of a stream; joined they read as a text. */
export function makeWords(count: number, seed: number): string[] {
  const words: string[] = [];
  for (let index = 0; index < count; index++) {
    const word = WORDS[(index + seed) % WORDS.length] ?? '';
    words.push(index === 0 ? word : ` ${word}`);
  }
  return words;
}

/** Cuts a text before each space, so that the pieces joined are the text again. */
export function splitWords(text: string): string[] {
  return text.match(/\s*\S+|\s+$/g) ?? [];
}

/** Cuts a text into pieces of `size` characters without cutting a character in two. */
export function splitFragments(text: string, size: number): string[] {
  const characters = Array.from(text);
  const fragments: string[] = [];
  for (let at = 0; at < characters.length; at += size)
    fragments.push(characters.slice(at, at + size).join(''));
  return fragments;
}
