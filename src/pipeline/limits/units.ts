import type { LimitSort } from '#core/limit-wish.ts';
import { costOfTokens, type PriceVersion } from '#core/price.ts';

/** Large enough for any limit, and sums of a few of them stay exact. */
const mostUnits = 2 ** 50;

/** A whole number of units that windows can hold, whatever an estimate or a provider says. */
export function toUnits(count: number | bigint): number {
  const number = Number(count);
  return Number.isFinite(number) ? Math.min(Math.max(0, Math.ceil(number)), mostUnits) : mostUnits;
}

/** What tokens count as under a limit of `sort`; `prices` are those of the models that may answer, by which the dearest counts. */
export function unitsOf(
  sort: LimitSort,
  { input, output }: { readonly input: number; readonly output: number },
  prices: readonly PriceVersion[],
): number {
  switch (sort) {
    case 'requests':
    case 'concurrency':
    // It is known beforehand, and is not of tokens.
    case 'cost':
      return 1;
    case 'tokens':
      return toUnits(input + output);
    case 'input-tokens':
      return toUnits(input);
    case 'output-tokens':
      return toUnits(output);
    case 'money': {
      const [safeInput, safeOutput] = [toUnits(input), toUnits(output)];
      let dearest = 0n;
      for (const price of prices) {
        const cost = costOfTokens(price, safeInput, safeOutput);
        if (cost > dearest) dearest = cost;
      }
      return toUnits(dearest);
    }
  }
}
