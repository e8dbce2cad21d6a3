import { Lexer } from './lexer.ts';

interface Definition {
  /** Null of operations. */
  readonly fragment: string | null;
  /** Its tokens, a blank between any two. */
  readonly text: string;
  readonly spreads: readonly string[];
}

/**
 * What documents are compared by: the same for all that differ in blanks, commas, comments and the order of their definitions alone.
 * @throws GraphqlError for what has no tokens, or too many.
 */
export const canonicalDocument = (text: string, maxTokens: number): string =>
  definitionsIn(text, maxTokens)
    .map((definition) => definition.text)
    .sort()
    .join('\n');

/** Each operation of a text by itself, with the fragments that it needs, as canonical documents. @throws GraphqlError */
export function canonicalOperations(text: string, maxTokens: number): string[] {
  const definitions = definitionsIn(text, maxTokens);
  const fragments = new Map(
    definitions.flatMap((each) => (each.fragment === null ? [] : [[each.fragment, each] as const])),
  );
  return definitions
    .filter(({ fragment }) => fragment === null)
    .map((operation) => {
      const needed = new Set([operation]);
      for (const { spreads } of needed)
        for (const name of spreads) if (fragments.has(name)) needed.add(fragments.get(name)!);
      return Array.from(needed, (definition) => definition.text)
        .sort()
        .join('\n');
    });
}

/** By their brackets: whoever runs them has parsed them. */
function definitionsIn(text: string, maxTokens: number): Definition[] {
  const lexer = new Lexer(text, maxTokens);
  const definitions: Definition[] = [];
  let tokens: string[] = [];
  let spreads: string[] = [];
  let depth = 0;
  while (lexer.kind !== 'end') {
    const { kind, text: token } = lexer;
    lexer.next();
    if (kind === '...' && lexer.kind === 'name' && !lexer.is('on')) spreads.push(lexer.text);
    // What describes a definition says nothing of what it does.
    if (kind === 'string' && tokens.length === 0) continue;
    tokens.push(token);
    if (kind === '{' || kind === '(' || kind === '[') depth++;
    else if (kind === '}' || kind === ')' || kind === ']') depth--;
    if (depth !== 0 || kind !== '}') continue;
    const fragment = tokens[0] === 'fragment' ? (tokens[1] ?? '') : null;
    definitions.push({ fragment, text: tokens.join(' '), spreads });
    tokens = [];
    spreads = [];
  }
  return definitions;
}
