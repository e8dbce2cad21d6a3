import type { ReserveResult } from '#core/contracts/counter-store.ts';
import { subjectOf } from '#core/counted-subject.ts';
import type { Policy, PolicyKind, PolicyServices } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import type { ConcurrencyLimitSettings } from './schema.ts';

/** Limits exchanges at work at once: a place is taken before the upstream is asked, and given back at the settlement. */
export const concurrencyLimit: PolicyKind<ConcurrencyLimitSettings> = {
  name: 'concurrency-limit',
  create: createConcurrencyLimit,
};

function createConcurrencyLimit(settings: ConcurrencyLimitSettings, services: PolicyServices): Policy {
  const { counters, clock, instance } = services;
  const { max } = settings;
  const by = typeof settings.by === 'string' ? [settings.by] : settings.by;
  const whom = by.join(' with ');

  function decide(exchange: Exchange, result: ReserveResult): void {
    if (!result.admitted) {
      throw new Fault(
        'limit/exceeded',
        `${max} exchanges of this ${whom} are at work, and no more are allowed at once. Wait for one to end.`,
        { headers: ['retry-after', '1'] },
      );
    }
    const { reservation } = result;
    // Not among `exchange.reserved`: a place is not held over a restart.
    exchange.settlements.push(() => {
      const done = counters.settle(reservation, [0]);
      return done instanceof Promise ? done.then(() => []) : [];
    });
  }

  return {
    name: 'concurrency-limit',
    summary: `at most ${max} at once for each ${whom}`,
    onCall(exchange) {
      const whose = subjectOf('concurrency-limit', exchange, by);
      if (whose === null) return;
      const item = {
        subject: `${instance}/at-once/${whose.id}`,
        window: { kind: 'held' as const },
        capacity: max,
        amount: 1,
      };
      const result = counters.reserve(`${exchange.id}/${instance}`, [item], clock.nowMs());
      return result instanceof Promise
        ? result.then((later) => decide(exchange, later))
        : decide(exchange, result);
    },
  };
}
