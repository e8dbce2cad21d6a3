import { countBy } from '#core/counted-subject.ts';
import type { Policy, PolicyKind, PolicyServices } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import type { LimitWish } from '#core/limit-wish.ts';
import { matchesAny } from '#core/name-pattern.ts';
import { parseRates, type Rate } from '#core/rate.ts';
import { createRateWishes } from '#core/rate-wishes.ts';
import type { BudgetSettings } from './schema.ts';

/** What may be spent in a period, in money or tokens; warns on the way, and refuses, downgrades or cuts at its end. */
export const budget: PolicyKind<BudgetSettings> = { name: 'budget', create: createBudget };

/** A stream is paid for in the window it began in, which must not be over before the stream is. */
const shortestHardMs = 3_600_000;

/** @throws RangeError for a budget that cannot be; the configuration is refused then. */
function createBudget(settings: BudgetSettings, { clock, instance }: PolicyServices): Policy {
  const { zone = 'UTC', currency = 'USD', hard = false, unpriced, downgrade } = settings;
  const of = (sort: LimitWish['sort']) => ({ policy: 'budget', sort, zone });
  const rates = [
    ...parseRates(settings.money, of('money')),
    ...parseRates(settings.tokens, of('tokens')),
    ...parseRates(settings.inputTokens, of('input-tokens')),
    ...parseRates(settings.outputTokens, of('output-tokens')),
  ];
  if (rates.length === 0) throw new RangeError('budget: give money, tokens, inputTokens or outputTokens');
  for (const { code, aboutMs, span } of rates) {
    if (hard && (code.startsWith('bucket') || aboutMs < shortestHardMs))
      throw new RangeError(
        `budget: a hard one is of a window of an hour or more, without burst; not of ${span}`,
      );
  }
  if (hard && downgrade !== undefined)
    throw new RangeError('budget: a downgrade lets calls pass that a hard budget refuses; give two budgets');
  const subjects = countBy('budget', settings.by);
  if (subjects.needsTarget)
    throw new RangeError('budget: a budget is no provider’s; use rate-limit for that');
  const models = settings.model === undefined ? null : [settings.model].flat();
  const warnAt = [settings.warnAt ?? []].flat().map((percent) => percent / 100);
  warnAt.sort((a, b) => a - b);
  const wishesOf = createRateWishes({
    instance,
    rates,
    subjects,
    settings: ({ sort }) => ({
      inFlight: hard ? 'hard' : 'debit',
      warnAt,
      ...(downgrade === undefined ? {} : { downgrade }),
      ...(sort === 'money' ? { currency, ...(unpriced === 'pass' ? { unpriced } : {}) } : {}),
    }),
  });

  return {
    name: 'budget',
    summary: `${hard ? 'a hard budget' : 'a budget'} of ${rates.map((rate) => inWords(rate, currency)).join(', ')} for each ${subjects.text}${models === null ? '' : `, on models ${models.join(', ')}`}${downgrade === undefined ? '' : `; then by ${downgrade}`}`,
    ...(downgrade === undefined ? {} : { usesModels: [downgrade] }),
    limits(exchange: Exchange) {
      if (exchange.brief === null && exchange.meteredAs === null) return [];
      if (models !== null && !exchange.modelNames.some((name) => matchesAny(models, name))) return [];
      const subject = subjects.subjectOf(exchange, null);
      return subject ? wishesOf(subject, clock.nowMs()) : [];
    },
  };
}

const inWords = ({ sort, capacity, span }: Rate, currency: string): string =>
  sort === 'money'
    ? `${capacity / 1e9} ${currency} per ${span}`
    : `${capacity} ${sort.replace('-', ' ')} per ${span}`;
