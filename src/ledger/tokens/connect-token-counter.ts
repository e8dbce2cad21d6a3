import type { MessagePort } from 'node:worker_threads';
import { estimateTokens, type TokenCounter } from '#core/contracts/token-counter.ts';
import type { CountAnswer, CountCall } from './token-service.ts';

export interface CounterLimits {
  /** Then it is estimated. */
  readonly deadlineMs?: number;
  /** Characters of one call that are counted; more is estimated. */
  readonly longestText?: number;
  /** Characters on their way to the counting thread, of all calls together. */
  readonly longestQueue?: number;
}

type Counts = Awaited<ReturnType<TokenCounter['count']>>;
type Settle = (tokens: readonly number[] | null) => void;

/** The counter of one thread, over a port of the token service. It never rejects and never waits past its deadline. */
export function connectTokenCounter(port: MessagePort, limits: CounterLimits = {}): TokenCounter {
  const { deadlineMs = 1_000, longestText = 256 * 1024, longestQueue = 4 * longestText } = limits;
  const open = new Map<number, Settle>();
  let queued = 0;
  let next = 0;
  port.on('message', ({ id, tokens }: CountAnswer) => open.get(id)?.(tokens));
  port.on('close', () => {
    for (const settle of open.values()) settle(null);
  });
  port.unref();

  return {
    count(texts) {
      const length = texts.reduce((sum, text) => sum + text.length, 0);
      if (length === 0) return Promise.resolve({ tokens: texts.map(() => 0), counted: true });
      if (length > longestText || queued + length > longestQueue) return Promise.resolve(estimate(texts));
      const id = next;
      next += 1;
      queued += length;
      return new Promise<Counts>((resolve) => {
        const settle: Settle = (tokens) => {
          clearTimeout(timer);
          open.delete(id);
          queued -= length;
          resolve(tokens ? { tokens, counted: true } : estimate(texts));
        };
        const timer = setTimeout(settle, deadlineMs, null);
        open.set(id, settle);
        port.postMessage({ id, texts } satisfies CountCall);
      });
    },
  };
}

const estimate = (texts: readonly string[]): Counts => ({
  tokens: texts.map((text) => estimateTokens(Buffer.byteLength(text))),
  counted: false,
});
