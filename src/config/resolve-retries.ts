import { idempotentMethods, type HedgeRules, type RetryRules } from '#core/retry-rules.ts';
import type { SheddingRules } from '#core/snapshot.ts';
import type { HedgeSettings, ModelRetrySettings, RetrySettings, SheddingSettings } from './schema-retries.ts';
import { parseDuration, parseSize } from '#core/units.ts';

const usual = ['connect', 'reset', 'timeout', 502, 503, 504] as const;

export function resolveRetries(settings: RetrySettings): RetryRules {
  return {
    ...commonRules(settings, usual),
    methods: settings.methods ?? idempotentMethods,
    bufferBytes: parseSize(settings.buffer ?? '64KiB'),
  };
}

/** Each of the `targets` has its turn, unless `attempts` says otherwise. */
export function resolveModelRetries(settings: ModelRetrySettings, targets: number): RetryRules {
  const rules = commonRules(settings, ['connect', 'reset', 'timeout', 429, '5xx']);
  return { ...rules, attempts: settings.attempts ?? Math.max(rules.attempts, targets), fallback: true };
}

function commonRules(settings: ModelRetrySettings, usually: readonly (string | number)[]): RetryRules {
  const on: readonly (string | number)[] = settings.on ?? usually;
  const { ratio = 0.2, minPerSecond = 1 } = settings.budget ?? {};
  return {
    attempts: settings.attempts ?? 3,
    on: {
      connect: on.includes('connect'),
      reset: on.includes('reset'),
      timeout: on.includes('timeout'),
      statuses: on.filter((each) => typeof each === 'number'),
      serverErrors: on.includes('5xx'),
    },
    methods: null,
    backoff: {
      baseMs: parseDuration(settings.backoff?.base ?? '25ms'),
      maxMs: parseDuration(settings.backoff?.max ?? '250ms'),
    },
    perTryMs: parseDuration(settings.perTryTimeout ?? 0),
    totalMs: parseDuration(settings.totalTimeout ?? 0),
    maxRetryAfterMs: parseDuration(settings.maxRetryAfter ?? '2s'),
    budget: { ratio, minPerSecond },
    bufferBytes: 0,
    again: true,
    fallback: false,
  };
}

export const resolveHedge = ({ after, max = 1 }: HedgeSettings): HedgeRules => ({
  after: after === 'p95' ? after : parseDuration(after),
  max,
});

export const resolveShedding = ({ lag = '100ms', retryAfter = '1s' }: SheddingSettings): SheddingRules => ({
  lagMs: Math.max(1, parseDuration(lag)),
  retryAfterS: Math.max(1, Math.ceil(parseDuration(retryAfter) / 1000)),
});
