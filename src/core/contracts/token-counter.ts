/** Counts tokens where a provider did not say. Off the event loop; never rejects. */
export interface TokenCounter {
  /** Tokens of each text, and whether they were counted or (too long, too slow, no tokenizer) estimated from bytes. */
  count(texts: readonly string[]): Promise<{ readonly tokens: readonly number[]; readonly counted: boolean }>;
}

/**
 * What models take for a tool call beside its name and arguments. Most of those that were measured: docs/token-counting.md.
 */
export const tokensAroundToolCall = 12;

/** A cheap count from UTF-8 bytes, for estimates: about four bytes a token in Latin script, more tokens elsewhere. */
export function estimateTokens(utf8Bytes: number): number {
  return Math.ceil(utf8Bytes / 4);
}
