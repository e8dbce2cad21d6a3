import { Fault } from './fault.ts';
import { endOfString } from './json.ts';

/** A letter, digit or underscore in the spelling that hides it (RFC 8259 §7). */
const escapedWord = /(?<!\\)(?:\\\\)*\\u00(?:3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9a])/i;

/** Finds one of the words as they stand in a text: `"file_id"` with its quotes, or without. */
export function wordsPattern(words: readonly string[]): RegExp | null {
  if (words.length === 0) return null;
  const escape = (text: string) => text.replace(/[^\w"]/g, '\\$&');
  // The quotes stand before the choice: a search then skips from one to the next.
  return words.every((word) => /^".+"$/.test(word))
    ? new RegExp(`"(?:${words.map((word) => escape(word.slice(1, -1))).join('|')})"`)
    : new RegExp(words.map(escape).join('|'));
}

/** May the document hide one of the words? Where it cannot, there is nothing to look for. */
export function mayHide(text: string, words: RegExp | null): boolean {
  return words?.test(text) === true || (text.includes('\\u00') && escapedWord.test(text));
}

/**
 * Refuses a document of which parsers see different things at any depth: one that gives a key twice in an object (the
 * first counts, or the last, or both are merged), or writes a key's letters as escapes (some see two keys, some one).
 * `text` is the document, already parsed and so known to be valid, with one character for each byte (latin1).
 * @throws Fault `request/duplicate-key` or `request/invalid-field`.
 */
export function refuseHiddenKeys(text: string): void {
  /** Keys of the objects around; null for a list. */
  const around: (Set<string> | null)[] = [];
  let isKey = false;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '{':
        around.push(new Set());
        isKey = true;
        break;
      case '[':
        around.push(null);
        isKey = false;
        break;
      case '}':
      case ']':
        around.pop();
        isKey = false;
        break;
      case ',':
        isKey = around.at(-1) !== null;
        break;
      case '"': {
        const end = endOfString(text, at);
        if (isKey) takeKey(text.slice(at + 1, end - 1), around.at(-1)!);
        isKey = false;
        at = end - 1;
      }
    }
  }
}

function takeKey(key: string, known: Set<string>): void {
  if (escapedWord.test(key)) {
    throw new Fault(
      'request/invalid-field',
      `The body writes the key "${key.slice(0, 100)}" with escapes. Write its letters as they are.`,
      { field: key.slice(0, 100) },
    );
  }
  if (known.has(key)) {
    throw new Fault('request/duplicate-key', `The body names "${key}" twice in one object. Send it once.`, {
      field: key,
    });
  }
  known.add(key);
}
