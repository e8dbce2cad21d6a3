import { countBy } from '#core/counted-subject.ts';
import type { Policy, PolicyKind, PolicyServices } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import type { LimitWish } from '#core/limit-wish.ts';
import { quoteName } from '#core/rate-wishes.ts';
import type { Target } from '#core/target.ts';
import type { ConcurrencyLimitSettings } from './schema.ts';

/** Limits exchanges at work at once: a place is taken before the upstream is asked, and given back at the settlement. */
export const concurrencyLimit: PolicyKind<ConcurrencyLimitSettings> = {
  name: 'concurrency-limit',
  create: createConcurrencyLimit,
};

function createConcurrencyLimit(settings: ConcurrencyLimitSettings, { instance }: PolicyServices): Policy {
  const { max } = settings;
  const subjects = countBy('concurrency-limit', settings.by);
  const form = {
    sort: 'concurrency',
    name: quoteName(`${instance}/at-once`),
    span: '',
    capacity: max,
    window: { kind: 'held' },
    inFlight: 'none',
    warnAt: [],
    ...(subjects.invented ? { invented: true } : {}),
  } as const;

  const limits = (exchange: Exchange, target: Target | null): readonly LimitWish[] => {
    const subject = subjects.subjectOf(exchange, target);
    return subject ? [{ ...form, subject: `${instance}/at-once/${subject.id}`, whom: subject.text }] : [];
  };
  return {
    name: 'concurrency-limit',
    summary: `at most ${max} at once for each ${subjects.text}`,
    ...(subjects.needsTarget
      ? { targetLimits: limits }
      : { limits: (exchange: Exchange) => limits(exchange, null) }),
  };
}
