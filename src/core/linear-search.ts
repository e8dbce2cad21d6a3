import { LinearPattern } from './linear-pattern.ts';

/** Is there a text in another that a pattern stands for? In time linear in the text, whatever the pattern. */
export interface LinearSearch {
  readonly source: string;
  finds(text: string): boolean;
}

/**
 * A pattern that is looked for anywhere in a text; `^` at its beginning and `$` at its end bind it there. Without regard to case
 * unless it is said otherwise.
 * @throws SyntaxError
 */
export function compileSearch(source: string, { ignoreCase = true } = {}): LinearSearch {
  const asked = ignoreCase ? lowered(source) : source;
  // Checked as it is written, so that the place of an error is the writer's.
  new LinearPattern(asked);
  const begins = asked.startsWith('^');
  const ends = /(?<!\\)(?:\\\\)*\$$/.test(asked);
  const inner = asked.slice(begins ? 1 : 0, ends ? -1 : undefined);
  const pattern = new LinearPattern(`${begins ? '' : '.*'}(?:${inner})${ends ? '' : '.*'}`);
  return { source, finds: (text) => pattern.matches(ignoreCase ? text.toLowerCase() : text) };
}

/** Letters after a backslash are no letters. */
const lowered = (source: string): string =>
  source.replace(/\\[^]|[^\\]+/g, (piece) => (piece.startsWith('\\') ? piece : piece.toLowerCase()));
