import { countBy } from '#core/counted-subject.ts';
import type { Policy, PolicyKind, PolicyServices } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import type { LimitWish } from '#core/limit-wish.ts';
import { matchesAny } from '#core/name-pattern.ts';
import { parseRates } from '#core/rate.ts';
import { createRateWishes } from '#core/rate-wishes.ts';
import type { Target } from '#core/target.ts';
import type { RateLimitSettings } from './schema.ts';

/** Limits requests, tokens and money in windows: what a call is expected to use is reserved, and corrected by what it used. */
export const rateLimit: PolicyKind<RateLimitSettings> = {
  name: 'rate-limit',
  create: createRateLimit,
};

const isKnownAhead = (sort: LimitWish['sort']): boolean =>
  sort === 'requests' || sort === 'input-tokens' || sort === 'cost';

/** @throws RangeError for rates that cannot be; the configuration is refused then. */
function createRateLimit(settings: RateLimitSettings, { clock, instance }: PolicyServices): Policy {
  const { zone = 'UTC', currency = 'USD', unpriced } = settings;
  const of = (sort: LimitWish['sort']) => ({ policy: 'rate-limit', sort, zone });
  const rates = [
    ...parseRates(settings.requests, of('requests')),
    ...parseRates(settings.tokens, of('tokens')),
    ...parseRates(settings.inputTokens, of('input-tokens')),
    ...parseRates(settings.outputTokens, of('output-tokens')),
    ...parseRates(settings.money, of('money')),
    ...parseRates(settings.cost, of('cost')),
  ];
  if (rates.length === 0)
    throw new RangeError('rate-limit: give requests, tokens, inputTokens, outputTokens, money or cost');
  const subjects = countBy('rate-limit', settings.by);
  const models = settings.model === undefined ? null : [settings.model].flat();
  const covers = ({ modelNames }: Exchange): boolean =>
    models === null || modelNames.some((name) => matchesAny(models, name));
  const wishesOf = createRateWishes({
    instance,
    rates,
    subjects,
    settings: ({ sort }) => ({
      inFlight: isKnownAhead(sort) ? 'none' : 'debit',
      warnAt: [],
      ...(sort === 'money' ? { currency, ...(unpriced === 'pass' ? { unpriced } : {}) } : {}),
    }),
  });

  const limits = (exchange: Exchange, target: Target | null): readonly LimitWish[] => {
    const subject = covers(exchange) ? subjects.subjectOf(exchange, target) : null;
    return subject ? wishesOf(subject, clock.nowMs()) : [];
  };
  const asked = rates.map(({ capacity, sort, span }) =>
    sort === 'money'
      ? `${capacity / 1e9} ${currency} per ${span}`
      : `${capacity} ${sort.replace('-', ' ')} per ${span}`,
  );
  return {
    name: 'rate-limit',
    summary: `at most ${asked.join(', ')} for each ${subjects.text}${models === null ? '' : `, on models ${models.join(', ')}`}`,
    ...(subjects.needsTarget
      ? { targetLimits: limits }
      : { limits: (exchange: Exchange) => limits(exchange, null) }),
  };
}
