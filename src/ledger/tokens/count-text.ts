import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';

/**
 * Merging a run of characters without a break takes time that grows with the square of its length (32 KB of one letter:
 * half a second), so longer runs are cut. A cut costs at most a token or two, always upwards.
 */
const longestRun = 128;
const runs = new RegExp(`\\S{${longestRun + 1},}|\\s{${longestRun + 1},}`, 'gu');

/** What looks like a control token in somebody's text is text; by default the tokenizer throws on it. */
const asText = { disallowedSpecial: new Set<string>() };

/** Counts the tokens of a text in time that grows with its length. Blocks: for the counting thread. */
export function countText(text: string): number {
  let tokens = 0;
  let from = 0;
  for (const run of text.matchAll(runs)) {
    tokens += countTokens(text.slice(from, run.index), asText);
    for (const piece of cut(run[0])) tokens += countTokens(piece, asText);
    from = run.index + run[0].length;
  }
  return tokens + countTokens(text.slice(from), asText);
}

function* cut(run: string): Generator<string> {
  for (let from = 0; from < run.length;) {
    let to = Math.min(from + longestRun, run.length);
    // Not between the halves of a surrogate pair.
    if (to < run.length && (run.charCodeAt(to - 1) & 0xfc00) === 0xd800) to += 1;
    yield run.slice(from, to);
    from = to;
  }
}
