import type { ExpectedUse } from '#core/calibration.ts';
import type { CallBrief } from '#core/call.ts';
import type { LimitItem } from '#core/contracts/counter-store.ts';
import type { Policy } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import type { LimitWish } from '#core/limit-wish.ts';
import type { PriceVersion } from '#core/price.ts';
import type { Target } from '#core/target.ts';
import { closed } from '../admit.ts';
import { toUnits, unitsOf } from './units.ts';

/** A limit, and what the call wants of it. */
export interface Asked {
  readonly wish: LimitWish;
  readonly item: LimitItem;
  /** Of the models that may answer, where it is a limit of money; else empty. */
  readonly prices: readonly PriceVersion[];
}

/** Items that one reservation can hold. */
const mostItems = 32;
/** A stream under a hard budget is paid for in blocks of so many tokens; it begins with no less than the least. */
export const blockTokens = 512;
const leastTokens = 32;
/** Models that take no more are common: a larger bound than they know would be refused. */
const unboundedTokens = 16_384;

export function wishesOf(
  policies: readonly Policy[],
  ask: (policy: Policy) => readonly LimitWish[],
): LimitWish[] {
  const wishes: LimitWish[] = [];
  for (const policy of policies) {
    try {
      wishes.push(...ask(policy));
    } catch (thrown) {
      throw closed(policy, thrown);
    }
  }
  return wishes;
}

/** What a call of an http route is expected to use, in nano-units, and to use at most; null of both without a price. */
export interface MeteredUse {
  readonly name: string;
  readonly currency: string | null;
  readonly expectedNano: bigint;
  readonly mostNano: bigint;
}

export interface Circumstances {
  readonly exchange: Exchange;
  /** Of a call to a model that is not free. */
  readonly expected: ExpectedUse | null;
  /** Of a call of a route that is billed by a meter. */
  readonly metered: MeteredUse | null;
  /** That may answer. */
  readonly targets: readonly Target[];
  /** What a call there is paid for by, served as it asks to be; null: nothing is known of it. */
  readonly priceOf: (target: Target) => PriceVersion | null;
  /** What it is paid for by where it is served otherwise. */
  readonly otherPricesOf: (target: Target) => readonly PriceVersion[];
  /** Is it no conversation, whose output nobody can bound? */
  readonly isWork: boolean;
  /** Is it done later, where nobody can bound it any more? */
  readonly isLater: boolean;
  /** Rows of limits that refused, and whose downgrade was taken: they count the call, and refuse it no more. */
  readonly spared: ReadonlySet<string>;
}

/**
 * What a call wants of each limit. Of limits that have nothing to do with it: nothing.
 * @throws Fault `limit/unpriced` under a limit of money, `policy/failed` for more limits than a reservation holds.
 */
export function askOf(wishes: readonly LimitWish[], of: Circumstances): Asked[] {
  const asked: Asked[] = [];
  for (const wish of wishes) {
    if (wish.sort === 'cost') {
      const cost = of.exchange.graphql?.cost;
      if (cost !== undefined) asked.push({ wish, prices: [], item: costItem(wish, cost) });
      continue;
    }
    const countsUse = wish.sort !== 'requests' && wish.sort !== 'concurrency';
    if (countsUse && of.metered) {
      if (wish.sort === 'money') asked.push(askOfMetered(wish, of.metered));
      continue;
    }
    if (countsUse && !of.expected) continue;
    const prices = wish.sort === 'money' ? pricesFor(wish, of) : [];
    asked.push({ wish, prices, item: itemOf(wish, prices, of) });
  }
  if (asked.length <= mostItems) return asked;
  throw new Fault(
    'policy/failed',
    `${asked.length} limits stand over this call, and ${mostItems} can be reserved at once.`,
  );
}

/** No tokens are counted there. What is used beyond what a hard budget has paid for is booked as overdraft. */
function askOfMetered(wish: LimitWish, { name, currency, expectedNano, mostNano }: MeteredUse): Asked {
  const { subject, window, capacity, invented, inFlight, unpriced } = wish;
  const isPriced = currency === wish.currency;
  if (!isPriced && unpriced !== 'pass') throw noPrice(name, wish, 'call');
  const wanted = inFlight === 'hard' ? mostNano : expectedNano;
  // Even a call that is expected to cost nothing asks whether anything is left.
  const amount = isPriced ? Math.max(1, toUnits(wanted)) : 0;
  return { wish, prices: [], item: { subject, window, capacity, amount, ...(invented ? { invented } : {}) } };
}

function itemOf(wish: LimitWish, prices: readonly PriceVersion[], of: Circumstances): LimitItem {
  const { subject, window, capacity, invented, sort } = wish;
  const item = { subject, window, capacity, ...(invented ? { invented } : {}) };
  if (!of.expected || sort === 'requests' || sort === 'concurrency') return { ...item, amount: 1 };
  const units = (input: number, output: number): number => unitsOf(sort, { input, output }, prices);
  const { input, inputBound, output } = of.expected;
  if (wish.inFlight === 'hard') {
    const { block, least } = leasedFirst(of);
    return { ...item, amount: units(inputBound, block), atLeast: units(inputBound, least) };
  }
  // The output is a guess: it alone must not shut a call out of a small limit for good.
  const wanted = Math.min(units(input, output), Math.max(units(input, 0), ceilingOf(wish)));
  return of.spared.has(subject) ? { ...item, amount: wanted, atLeast: 0 } : { ...item, amount: wanted };
}

/** Nothing of it is a guess. */
const costItem = ({ subject, window, capacity, invented }: LimitWish, cost: number): LimitItem => ({
  ...{ subject, window, capacity, ...(invented ? { invented } : {}) },
  amount: toUnits(cost),
});

/** The output that a hard budget pays for at first. A stream is paid for as it flows; a whole answer cannot be ended. */
function leasedFirst({ exchange, expected, isWork, isLater }: Circumstances): {
  block: number;
  least: number;
} {
  const { brief } = exchange;
  const mean = expected!.output;
  if (isWork || !brief) return { block: mean, least: mean };
  const choices = Math.max(1, brief.choices);
  const bound = mostOutput(brief);
  if (isLater) return { block: bound, least: bound };
  if (!brief.stream) return { block: bound, least: Math.min(mean, bound) };
  return { block: Math.min(blockTokens * choices, bound), least: Math.min(leastTokens * choices, bound) };
}

/** Output of all choices that a call may use; of one that does not say, as much as few answers are longer than. */
export function mostOutput({ maxOutputTokens, choices }: CallBrief): number {
  return toUnits((maxOutputTokens ?? unboundedTokens) * Math.max(1, choices));
}

const ceilingOf = ({ window, capacity }: LimitWish): number =>
  window.kind === 'bucket' ? window.burst : capacity;

function pricesFor(wish: LimitWish, { targets, priceOf, otherPricesOf }: Circumstances): PriceVersion[] {
  const { currency, unpriced, inFlight } = wish;
  const prices: PriceVersion[] = [];
  for (const target of targets) {
    const price = priceOf(target);
    if (price && price.currency === currency)
      prices.push(
        ...(inFlight === 'hard' ? dearestOf([price, ...otherPricesOf(target)], currency) : [price]),
      );
    else if (unpriced !== 'pass') throw noPrice(`${target.provider.name}/${target.model}`, wish, 'model');
  }
  return prices;
}

const noPrice = (name: string, { currency, whom }: LimitWish, what: 'model' | 'call'): Fault =>
  new Fault(
    'limit/unpriced',
    `"${name}" has no price in ${currency}, and what ${whom} may spend is limited. Give it a price, or let such ${what}s pass (unpriced: pass).`,
    { field: 'model' },
  );

const dearestOf = (ways: readonly PriceVersion[], currency: string): PriceVersion[] =>
  ways.filter((price) => price.currency === currency).map(atItsDearest);

/** Which class the output will be of cannot be known beforehand. */
function atItsDearest(price: PriceVersion): PriceVersion {
  const { reasoning, prediction, outputAudio, outputImage, outputVideo, tiers } = price;
  let { output } = price;
  for (const each of [reasoning, prediction, outputAudio, outputImage, outputVideo])
    if (each !== undefined && each > output) output = each;
  if (output === price.output && !tiers) return price;
  const dear = { ...price, output };
  return tiers ? { ...dear, tiers: tiers.map((tier) => ({ ...tier, then: atItsDearest(tier.then) })) } : dear;
}
