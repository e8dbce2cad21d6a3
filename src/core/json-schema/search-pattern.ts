import { LinearPattern } from '../linear-pattern.ts';

/**
 * A pattern of a schema: it may match anywhere in the text (JSON Schema §6.3.3), and takes time linear in it. A line break is like
 * any other character.
 * @throws SyntaxError saying what is not understood, and where.
 */
export class SearchPattern {
  readonly source: string;
  readonly #whole: readonly LinearPattern[];

  constructor(source: string) {
    this.source = source;
    this.#whole = alternativesOf(source).map((alternative) => new LinearPattern(wholeOf(alternative)));
  }

  /** Somewhere in it. */
  matches(text: string): boolean {
    return this.#whole.some((pattern) => pattern.matches(text));
  }
}

/** `^` and `$` hold for one alternative at the top of a pattern, not for the pattern. */
function alternativesOf(source: string): string[] {
  const alternatives: string[] = [];
  let depth = 0;
  let inClass = false;
  let begin = 0;
  for (let i = 0; i < source.length; i++) {
    const sign = source[i]!;
    if (sign === '\\') i++;
    else if (inClass) inClass = sign !== ']';
    else if (sign === '[') inClass = true;
    else if (sign === '(') depth++;
    else if (sign === ')') depth--;
    else if (sign === '|' && depth === 0) {
      alternatives.push(source.slice(begin, i));
      begin = i + 1;
    }
  }
  return [...alternatives, source.slice(begin)];
}

function wholeOf(alternative: string): string {
  const isFromStart = alternative.startsWith('^');
  const isToEnd = /(?<!\\)(?:\\\\)*\$$/.test(alternative);
  const inner = alternative.slice(isFromStart ? 1 : 0, isToEnd ? -1 : undefined);
  // In a group, since `.*` and what a person wrote must not become one repetition.
  return `${isFromStart ? '' : '.*'}${inner === '' ? '' : `(?:${inner})`}${isToEnd ? '' : '.*'}`;
}
