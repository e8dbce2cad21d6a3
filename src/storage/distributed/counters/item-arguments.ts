import type { LimitItem, LimitState, LimitWindow } from '#core/contracts/counter-store.ts';

/** What a script answers: a letter, then numbers and names. */
export type Reply = readonly (string | number)[];

type Limited = Pick<LimitItem, 'subject' | 'window' | 'capacity'>;

const longestBucketMs = 86_400_000;

/** Kind, three numbers of the window, and the capacity, as scripts take them. */
export function windowArguments({ window, capacity }: Limited): (string | number)[] {
  switch (window.kind) {
    case 'sliding':
      return ['S', window.windowMs, 0, 0, capacity];
    case 'bucket':
      return ['B', window.windowMs, window.burst, 0, capacity];
    case 'calendar':
      return ['C', window.startMs, window.endMs, window.nextEndMs, capacity];
    case 'held':
      return ['H', 0, 0, 0, capacity];
  }
}

/** @throws RangeError for what cannot be counted. */
export function requireItems(items: readonly LimitItem[]): void {
  if (items.length > 32) throw new RangeError('At most 32 windows in one reservation.');
  for (const { amount, atLeast, ...limited } of items) {
    requireUnits(amount, 'amount');
    if (atLeast !== undefined) requireUnits(atLeast, 'atLeast');
    requireUnits(limited.capacity, 'capacity');
    requireWindow(limited.window);
  }
}

function requireWindow(window: LimitWindow): void {
  if (window.kind === 'calendar') {
    const { startMs, endMs, nextEndMs } = window;
    if (!(startMs < endMs && endMs < nextEndMs))
      throw new RangeError(`a period must begin before it ends: ${startMs}, ${endMs}, ${nextEndMs}`);
  } else if (window.kind !== 'held') {
    if (!Number.isSafeInteger(window.windowMs) || window.windowMs < 1)
      throw new RangeError(`windowMs must be a positive integer, not ${window.windowMs}`);
    if (window.kind === 'bucket') requireBucket(window);
  }
}

function requireBucket({ windowMs, burst }: { readonly windowMs: number; readonly burst: number }): void {
  requireUnits(burst, 'burst');
  if (windowMs > longestBucketMs)
    throw new RangeError(`a bucket's window is a day at most, not ${windowMs} ms`);
}

export function requireUnits(value: number, name: string): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`${name} must be a non-negative safe integer, not ${value}`);
  }
}

/** States as scripts give them: what is left of each item, and until when. */
export function statesOf(items: readonly Limited[], reply: Reply): LimitState[] {
  return items.map(({ subject, window, capacity }, i) => ({
    subject,
    limit: window.kind === 'bucket' ? window.burst : capacity,
    remaining: Number(reply[2 * i]),
    resetMs: waitOf(reply[2 * i + 1]),
  }));
}

/** Scripts say −1 for what time does not bring. */
export function waitOf(value: string | number | undefined): number {
  return Number(value) === -1 ? Infinity : Number(value);
}
