import type { LimitItem, Reservation, ReserveResult } from '#core/contracts/counter-store.ts';
import { subjectOf } from '#core/counted-subject.ts';
import type { Policy, PolicyKind, PolicyServices } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { matchesAny } from '#core/name-pattern.ts';
import type { TokenTotals } from '#core/usage.ts';
import { mergeReport, quoteName, renderLimitHeaders } from './limit-headers.ts';
import { expectationOf } from './output-expectation.ts';
import { parseRates, type Rate } from './rate.ts';
import { refusalFault } from './refusal.ts';
import type { RateLimitSettings } from './schema.ts';

/** Limits requests and tokens in sliding windows: reserves before the call, settles after it, never passes a limit. */
export const rateLimit: PolicyKind<RateLimitSettings> = {
  name: 'rate-limit',
  create: createRateLimit,
};

/** @throws RangeError for rates that cannot be; the configuration is refused then. */
function createRateLimit(settings: RateLimitSettings, services: PolicyServices): Policy {
  const { counters, clock, instance } = services;
  const all = [...parseRates('requests', settings.requests), ...parseRates('tokens', settings.tokens)];
  if (all.length === 0) throw new RangeError('rate-limit: give requests, tokens or both');
  const by = typeof settings.by === 'string' ? [settings.by] : settings.by;
  const models = settings.model === undefined ? null : [settings.model].flat();
  const coversModel = (name: string) => models === null || matchesAny(models, name);
  const needsModel = models !== null || by.includes('model');
  const nameOf = (rate: Rate): string => quoteName(`${instance}/${rate.sort}/${rate.span}`);
  const requestRates = all.filter((rate) => rate.sort === 'requests');
  const forModels = { rates: all, names: all.map(nameOf) };
  const forOthers = { rates: requestRates, names: requestRates.map(nameOf) };
  const expectation = expectationOf(counters);

  function tokensWanted(exchange: Exchange, capacity: number): number {
    const { model, maxOutputTokens, choices } = exchange.brief!;
    const input = toUnits(exchange.estimatedInput);
    const wanted = input + toUnits(expectation.expect(model, maxOutputTokens, choices));
    // The output is a guess: it alone must not shut a call out of a small limit for good.
    return Math.min(wanted, Math.max(input, capacity));
  }

  function itemsFor(exchange: Exchange, rates: readonly Rate[], subject: string): LimitItem[] {
    return rates.map(({ sort, capacity, windowMs }) => ({
      subject: `${instance}/${sort}/${windowMs}/${subject}`,
      window: { kind: 'sliding' as const, windowMs },
      capacity,
      amount: sort === 'requests' ? 1 : tokensWanted(exchange, capacity),
    }));
  }

  /** A stream that says more than was expected is debited as it says it, so that others see what is left. */
  function debitLater(exchange: Exchange, items: readonly LimitItem[], reservation: Reservation): void {
    if (exchange.brief?.stream !== true || items.every((_, i) => all[i]!.sort === 'requests')) return;
    const input = toUnits(exchange.estimatedInput);
    const booked = items.map(({ amount }) => amount);
    let step = 0;
    exchange.flows.push((outputTokens) => {
      let isMore = false;
      const extra = items.map((_, i) => {
        const more = all[i]!.sort === 'requests' ? 0 : Math.max(0, input + outputTokens - booked[i]!);
        if (more > 0) isMore = true;
        booked[i]! += more;
        return more;
      });
      if (!isMore) return;
      try {
        const done = counters.debit(reservation, ++step, extra);
        if (done instanceof Promise) done.catch(() => undefined);
      } catch {
        // A store that cannot be reached now is told the whole at the settlement.
      }
    });
  }

  function settleLater(exchange: Exchange, items: readonly LimitItem[], reservation: Reservation): void {
    const { brief } = exchange;
    exchange.settlements.push((used: TokenTotals, admitted: boolean) => {
      const tokens = toUnits(used.input + used.output);
      // `all` begins with the rates of requests, and so with whatever was reserved.
      const amounts = items.map((_, i) => (!admitted ? 0 : all[i]!.sort === 'requests' ? 1 : tokens));
      if (admitted && brief !== null && used.output > 0) {
        expectation.learn(brief.model, used.output, brief.choices);
      }
      const done = counters.settle(reservation, amounts);
      const booked = admitted
        ? items.map(({ subject }, i) => ({ subject, windowMs: all[i]!.windowMs, amount: amounts[i]! }))
        : [];
      return done instanceof Promise ? done.then(() => booked) : booked;
    });
  }

  return {
    name: 'rate-limit',
    summary: `at most ${all.map((r) => `${r.capacity} ${r.sort} per ${r.span}`).join(', ')} for each ${by.join(' with ')}${models === null ? '' : `, on models ${models.join(', ')}`}`,
    onCall(exchange) {
      const { brief } = exchange;
      if (brief === null ? needsModel : !exchange.modelNames.some(coversModel)) return;
      const { rates, names } = brief === null || brief.free ? forOthers : forModels;
      if (rates.length === 0) return;
      const whose = subjectOf('rate-limit', exchange, by);
      if (whose === null) return;
      const { id, text: whom } = whose;
      const items = itemsFor(exchange, rates, id);

      function decide(result: ReserveResult): void {
        const headers = renderLimitHeaders(names, rates, result.states);
        exchange.limits = mergeReport(exchange.limits, rates, result.states);
        if (!result.admitted) {
          const at = result.states.findIndex(({ subject }) => subject === result.refusedBy.subject);
          const { retryAfterMs, refusedBy: state } = result;
          throw refusalFault(
            { rate: rates[at]!, state, amount: items[at]!.amount, retryAfterMs, whom },
            headers,
          );
        }
        items.forEach(({ subject, amount }, i) =>
          exchange.reserved.push({ subject, windowMs: rates[i]!.windowMs, amount }),
        );
        settleLater(exchange, items, result.reservation);
        debitLater(exchange, items, result.reservation);
        exchange.answerHeaders.push(...headers);
      }

      const result = counters.reserve(`${exchange.id}/${instance}`, items, clock.nowMs());
      return result instanceof Promise ? result.then(decide) : decide(result);
    },
  };
}

/** A whole number of units that windows can hold, whatever an estimate or a provider says. */
function toUnits(tokens: number): number {
  return Number.isFinite(tokens) ? Math.min(Math.max(0, Math.ceil(tokens)), 2 ** 50) : 2 ** 50;
}
