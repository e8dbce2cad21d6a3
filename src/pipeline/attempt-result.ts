import type { LimitReport } from '#core/contracts/dialect.ts';
import type { AttemptResult, QuotaStand } from '#core/contracts/target-pool.ts';
import type { AttemptRecord, Exchange } from '#core/exchange.ts';
import type { Fault } from '#core/fault.ts';
import { totalsOf } from '#core/usage.ts';

const unreached = new Set<Fault['code']>([
  'upstream/connect',
  'upstream/connect-timeout',
  'upstream/credential',
]);

/** Nothing of the request can have reached its upstream. */
export const neverLeft = ({ code }: Fault): boolean => unreached.has(code);

/** What an attempt says of its target; `fault` is what it ended with, had it no answer. */
export function attemptResult(
  exchange: Exchange,
  record: AttemptRecord | undefined,
  fault: Fault | null,
  nowMs: number,
): AttemptResult {
  const startedAtMs = record?.startedAtMs ?? nowMs;
  const { firstContentAtMs } = exchange;
  return {
    verdict: verdictOn(fault ?? record?.fault ?? exchange.fault, record?.status ?? 0),
    firstMs: firstContentAtMs === null ? null : Math.max(0, firstContentAtMs - startedAtMs),
    totalMs: Math.max(0, nowMs - startedAtMs),
    outputTokens: record?.usage ? totalsOf(record.usage.lines).output : null,
    retryAfterMs: record?.retryAfterMs ?? null,
    quota: quotaOf(record?.limits ?? null),
  };
}

/** Of the tightest limit; of two that are as tight, the one that stays so for longer. */
function quotaOf(report: LimitReport | null): QuotaStand | null {
  let tightest: QuotaStand | null = null;
  for (const stand of [report?.requests, report?.tokens]) {
    if (!stand || stand.limit <= 0) continue;
    const left = stand.remaining / stand.limit;
    const tighter = left < (tightest?.left ?? Infinity);
    if (tighter || (left === tightest!.left && stand.resetMs > tightest!.resetMs))
      tightest = { left, resetMs: stand.resetMs };
  }
  return tightest;
}

/** Of a member that was taken and not tried, or whose attempt was cancelled because another one answered. */
export const neutralResult: AttemptResult = {
  verdict: 'neutral',
  firstMs: null,
  totalMs: 0,
  outputTokens: null,
  retryAfterMs: null,
};

function verdictOn(fault: Fault | null, status: number): AttemptResult['verdict'] {
  if (fault) return fault.blame === 'upstream' ? 'failure' : 'neutral';
  return status >= 500 ? 'failure' : 'success';
}
