import type { Allowance } from '#core/allowance.ts';
import { modelKey, type ExpectedUse } from '#core/calibration.ts';
import type { LimitState, ReserveResult, Soon } from '#core/contracts/counter-store.ts';
import type { LimitWish } from '#core/limit-wish.ts';
import { costOfUnits, type PriceUse, type PriceVersion } from '#core/price.ts';
import type { AttemptPrices } from '#core/price-usage.ts';
import type { ResolvedModel } from '#core/snapshot.ts';
import type { Target } from '#core/target.ts';
import { meteredPrices, pricesOf, tierServed, waysToServe } from '../attempt-prices.ts';
import { chooseModel } from '../choose-model.ts';
import type { Passage } from '../passage.ts';
import type { Refusal } from '../queue/lines.ts';
import { waitInLine } from '../queue/wait-in-line.ts';
import { downgrade } from './downgrade.ts';
import { askOf, wishesOf, type Asked, type Circumstances, type MeteredUse } from './gather.ts';
import { Hold } from './hold.ts';
import { leaseOutput } from './leased-output.ts';
import { mergeReport, renderLimitHeaders } from './limit-headers.ts';
import { refusalFault } from './refusal.ts';
import { warn } from './warn.ts';

const nothing: ReadonlySet<string> = new Set();

/**
 * Reserves all that the route's policies limit of a call, in one step: one trip to the store, none where nothing is limited.
 * What is refused by a limit that names another model goes there.
 * @throws Fault `limit/exceeded`, `credit/exhausted`, `limit/unpriced` or `limit/unavailable`: the call is not made.
 */
export function reserveLimits(passage: Passage): void | Promise<void> {
  const { exchange, route } = passage;
  if (route.limits.length === 0) return;
  const wishes = () => wishesOf(route.limits, (policy) => policy.limits!(exchange));
  const again = () => reserveFor(passage, { spared: nothing, wishes, isItsTurn: true });
  const decide = (refusal: Refusal | null): void | Promise<void> =>
    refusal === null ? undefined : waitInLine(passage, refusal, again);
  const pending = reserveFor(passage, { spared: nothing, wishes, isItsTurn: false });
  return pending instanceof Promise ? pending.then(decide) : decide(pending);
}

interface Manner {
  readonly spared: ReadonlySet<string>;
  wishes(): readonly LimitWish[];
  /** Nobody who waits for one of the limits comes before it. */
  readonly isItsTurn: boolean;
}

/** Null: all of it is reserved. */
function reserveFor(passage: Passage, manner: Manner): Soon<Refusal | null> {
  const { spared, wishes, isItsTurn } = manner;
  const { exchange, gateway } = passage;
  // What an earlier refusal said.
  exchange.limits = null;
  const asked = ask(passage, wishes(), {
    spared,
    targets: modelOf(passage)?.targets ?? [],
    priceOf: (target) => paidBy(pricesFor(passage, target)),
    otherPricesOf: (target) => otherPricesOf(passage, target),
  });
  if (asked.length === 0) return null;
  const before = isItsTurn || gateway.lines.isEmpty ? null : gateway.lines.refusalOf(wantedOf(asked));
  if (before) return before;
  const decide = (result: ReserveResult): Soon<Refusal | null> => {
    if (result.admitted) {
      admitted(passage, asked, result);
      return null;
    }
    const { wish } = asked[refusing(result)]!;
    if (wish.downgrade !== undefined && !spared.has(wish.subject) && downgrade(passage, wish.downgrade))
      return reserveFor(passage, { ...manner, spared: new Set([...spared, wish.subject]) });
    exchange.limits = mergeReport(exchange.limits, asked, result.states);
    return refusalOf(asked, result);
  };
  return reserve(passage, exchange.id, asked, decide);
}

/**
 * The same of an attempt at a target, where a policy limits what goes to its provider. Null: it is reserved.
 * @throws Fault `limit/unpriced` or `limit/unavailable`.
 */
export function reserveTarget(passage: Passage, target: Target, isItsTurn = false): Soon<Refusal | null> {
  const { exchange, gateway, route } = passage;
  const wishes = wishesOf(route.targetLimits, (policy) => policy.targetLimits!(exchange, target));
  const asked = ask(passage, wishes, {
    spared: nothing,
    targets: [target],
    // What goes to a provider counts as what it is paid.
    priceOf: () => pricesFor(passage, target).cost,
    // No hard budget counts by provider.
    otherPricesOf: () => [],
  });
  if (asked.length === 0) return null;
  const before = isItsTurn || gateway.lines.isEmpty ? null : gateway.lines.refusalOf(wantedOf(asked));
  if (before) return before;
  // Each target has a reservation of its own, and each has been refused or admitted before the next.
  const id = `${exchange.id}/${target.provider.name}/${exchange.attempts.length + 1}`;
  return reserve(passage, id, asked, (result) => {
    if (!result.admitted) return refusalOf(asked, result);
    hold(passage, asked, { ...result, isTargets: true });
    return null;
  });
}

function refusalOf(asked: readonly Asked[], result: ReserveResult & { readonly admitted: false }): Refusal {
  const refused = asked[refusing(result)]!;
  const { retryAfterMs, refusedBy: state } = result;
  const { subject, atLeast, amount } = refused.item;
  return {
    fault: refusalFault({ asked: refused, state, retryAfterMs }, renderLimitHeaders(asked, result.states)),
    subject,
    cost: atLeast ?? amount,
    // A place is free when whoever has it is done.
    retryAfterMs: refused.wish.sort === 'concurrency' ? null : retryAfterMs,
  };
}

/** What can be had at all, should others have come before: who wants more is told so at once. */
function wantedOf(asked: readonly Asked[]): { readonly subject: string; readonly amount: number }[] {
  return asked.flatMap(({ item: { subject, amount, atLeast = amount, capacity } }) =>
    atLeast > capacity ? [] : [{ subject, amount: atLeast }],
  );
}

function reserve(
  { gateway, route }: Passage,
  id: string,
  asked: readonly Asked[],
  decide: (result: ReserveResult) => Soon<Refusal | null>,
): Soon<Refusal | null> {
  const items = asked.map(({ item }) => item);
  const result = gateway.countersOf(route.route).reserve(id, items, gateway.clock.nowMs());
  return result instanceof Promise ? result.then(decide) : decide(result);
}

function ask(
  passage: Passage,
  wishes: readonly LimitWish[],
  of: Pick<Circumstances, 'spared' | 'targets' | 'priceOf' | 'otherPricesOf'>,
): Asked[] {
  if (wishes.length === 0) return [];
  const { exchange, call } = passage;
  const expected = exchange.brief?.free ? null : expectedUse(passage, of.targets);
  const isWork = call?.dialect.surface !== undefined;
  const isLater = passage.later === true;
  return askOf(wishes, { exchange, expected, metered: meteredUse(passage), isWork, isLater, ...of });
}

/** Null of routes that are not billed by a meter. */
function meteredUse(passage: Passage): MeteredUse | null {
  const { exchange, metered = {} } = passage;
  const { meter } = passage.route;
  if (!meter) return null;
  const price = paidBy(meteredPrices(passage, exchange.admittedAtMs));
  const costOf = (atMost: boolean): bigint =>
    price ? costOfUnits(price, meter.expected(metered, exchange.requestBytes, atMost)) : 0n;
  return {
    name: meter.name,
    currency: price?.currency ?? null,
    expectedNano: costOf(false),
    mostNano: costOf(true),
  };
}

/** As they hold for a call that is made now. Unless it is said how it is served, as it asks to be. */
function pricesFor(
  { exchange, gateway }: Passage,
  target: Target,
  served: Omit<PriceUse, 'atMs'> = { serviceTier: tierServed(exchange, target, undefined) },
): AttemptPrices {
  const { project = '', team = '' } = exchange.consumer ?? {};
  const use = { ...served, atMs: exchange.admittedAtMs };
  return pricesOf(gateway, target, { use, subjects: { project, team } })();
}

const paidBy = ({ charge, cost }: AttemptPrices): PriceVersion | null => charge ?? cost;

/** What is paid for a call that its provider serves otherwise than it asked. */
function otherPricesOf(passage: Passage, target: Target): PriceVersion[] {
  const usual = pricesFor(passage, target, {});
  const ways = waysToServe(passage.exchange, target, usual);
  if (passage.later) ways.push({ batch: true });
  return ways.flatMap((served) => paidBy(pricesFor(passage, target, served)) ?? []);
}

/** By what is known of the target that is asked first. */
function expectedUse({ exchange, gateway }: Passage, [first]: readonly Target[]): ExpectedUse | null {
  const { brief, estimatedInput } = exchange;
  return brief && first ? gateway.calibration.expect(modelKey(first), { ...brief, estimatedInput }) : null;
}

/** Whose targets will answer; null of what is no call to a model. */
function modelOf(passage: Passage): ResolvedModel | null {
  const { exchange, gateway, call } = passage;
  if (!exchange.brief) return null;
  return call ? (passage.model ??= chooseModel(passage, call)) : gateway.models.find(exchange.brief.model);
}

const refusing = ({ states, refusedBy }: ReserveResult & { readonly admitted: false }): number =>
  states.findIndex(({ subject }) => subject === refusedBy.subject);

type Admitted = ReserveResult & { readonly admitted: true };

function admitted(passage: Passage, asked: readonly Asked[], result: Admitted): void {
  const { exchange } = passage;
  const { brief, estimatedInput } = exchange;
  const held = hold(passage, asked, { ...result, isTargets: false });
  exchange.limits = mergeReport(exchange.limits, asked, result.states);
  exchange.answerHeaders.push(...renderLimitHeaders(asked, result.states));
  warn(passage, asked, result);
  if (!brief || brief.free) return;
  if (brief.stream && asked.some(({ wish }) => wish.inFlight === 'debit'))
    exchange.flows.push((output) => held.flow({ input: estimatedInput, output }));
  if (asked.some(({ wish }) => wish.inFlight === 'hard'))
    exchange.allowance = allowanceOf(passage, held, result.states);
}

function hold(
  passage: Passage,
  asked: readonly Asked[],
  { reservation, isTargets }: Admitted & Pick<Hold, 'isTargets'>,
): Hold {
  const { exchange, gateway, route } = passage;
  const held = new Hold(gateway.countersOf(route.route), {
    asked,
    reservation,
    isTargets,
    attemptsBefore: exchange.attempts.length,
  });
  (passage.holds ??= []).push(held);
  exchange.reserved.push(...held.onRecord);
  return held;
}

function allowanceOf(passage: Passage, held: Hold, states: readonly LimitState[]): Allowance | null {
  const { exchange, call } = passage;
  if (call?.dialect.surface !== undefined) return null;
  const inputTokens = expectedUse(passage, modelOf(passage)!.targets)!.inputBound;
  return leaseOutput({ hold: held, inputTokens, brief: exchange.brief!, states });
}
