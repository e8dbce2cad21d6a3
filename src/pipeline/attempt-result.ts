import type { AttemptResult } from '#core/contracts/target-pool.ts';
import type { Exchange } from '#core/exchange.ts';
import type { Fault } from '#core/fault.ts';
import { totalsOf } from '#core/usage.ts';

/** What the last attempt of an exchange says of its target; `fault` is what it ended with, had it no answer. */
export function attemptResult(exchange: Exchange, fault: Fault | null, nowMs: number): AttemptResult {
  const record = exchange.attempts.at(-1);
  const startedAtMs = record?.startedAtMs ?? nowMs;
  const { firstContentAtMs } = exchange;
  return {
    verdict: verdictOn(fault ?? record?.fault ?? exchange.fault, record?.status ?? 0),
    firstMs: firstContentAtMs === null ? null : Math.max(0, firstContentAtMs - startedAtMs),
    totalMs: Math.max(0, nowMs - startedAtMs),
    outputTokens: record?.usage ? totalsOf(record.usage.lines).output : null,
    retryAfterMs: null,
  };
}

function verdictOn(fault: Fault | null, status: number): AttemptResult['verdict'] {
  if (fault) return fault.blame === 'upstream' ? 'failure' : 'neutral';
  return status >= 500 ? 'failure' : 'success';
}
