import {
  plainPool,
  type BalanceKind,
  type BreakerSettings,
  type HashBy,
  type PassiveSettings,
  type PoolSettings,
} from '#core/pool-settings.ts';
import type { PassiveFields, PoolFields } from './schema-pool.ts';
import { parseDuration } from '#core/units.ts';

export interface PoolWanted {
  readonly balance: BalanceKind;
  /** Unless the fields say otherwise. */
  readonly hashBy: HashBy;
  readonly fields: PoolFields;
  readonly passive: PassiveFields | undefined;
}

export function resolvePool({ balance, hashBy, fields, passive }: PoolWanted): PoolSettings {
  return {
    balance,
    hashBy: balance !== 'consistent-hash' ? null : fields.hashBy ? parseHashBy(fields.hashBy) : hashBy,
    loadBound: fields.loadBound ?? plainPool.loadBound,
    sticky: fields.sticky
      ? { cookie: fields.sticky.cookie, ttlMs: parseDuration(fields.sticky.ttl ?? 0) }
      : null,
    breaker: fields.breaker ? resolveBreaker(fields.breaker) : null,
    passive: passive ? resolvePassive(passive) : null,
    slowStartMs: parseDuration(fields.slowStart ?? 0),
    whenAllOut: fields.whenAllOut ?? plainPool.whenAllOut,
    overprovision: plainPool.overprovision,
  };
}

function parseHashBy(text: string): HashBy {
  const [kind, name] = text.split(':');
  if (kind === 'header' || kind === 'cookie')
    return { kind, name: kind === 'header' ? name!.toLowerCase() : name! };
  return { kind: kind as 'key' | 'client' | 'prompt-prefix' };
}

function resolveBreaker(fields: NonNullable<PoolFields['breaker']>): BreakerSettings {
  return {
    windowMs: parseDuration(fields.window ?? '10s'),
    minimumRequests: fields.minimum ?? 20,
    failureRatio: fields.failureRatio ?? 0.5,
    consecutiveFailures: fields.failures ?? 0,
    slowMs: parseDuration(fields.slow ?? 0),
    slowRatio: fields.slowRatio ?? 0.5,
    openMs: parseDuration(fields.open ?? '5s'),
    maxOpenMs: parseDuration(fields.maxOpen ?? '60s'),
    probes: fields.probes ?? 3,
  };
}

function resolvePassive(fields: PassiveFields): PassiveSettings {
  return {
    consecutiveFailures: fields.failures ?? 5,
    failureRatio: fields.failureRatio ?? 0,
    minimumRequests: fields.minimum ?? 20,
    windowMs: parseDuration(fields.window ?? '10s'),
    ejectMs: parseDuration(fields.eject ?? '30s'),
    maxEjectMs: parseDuration(fields.maxEject ?? '5min'),
    maxEjectedPercent: fields.maxEjected ?? 50,
    maxCoolDownMs: parseDuration(fields.maxCoolDown ?? '60s'),
  };
}
