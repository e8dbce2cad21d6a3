import type { Receipt } from '#core/receipt.ts';
import type { SamplingRules } from '#core/telemetry.ts';
import { wasSampled, type TraceContext } from '#core/trace-context.ts';

const failures: ReadonlySet<string> = new Set([
  'upstream_error',
  'timeout',
  'guardrail_cut',
  'budget_cut',
  'gateway_crash',
]);

/**
 * Is the trace kept? Asked when all is over: what failed and what was slow is, whatever was decided before; of the rest a share,
 * by the trace's id, so that every gateway on the way decides alike.
 */
export function isKept(rules: SamplingRules, trace: TraceContext, receipt: Receipt): boolean {
  if (hasFailed(receipt) || receipt.settledAtMs - receipt.admittedAtMs >= rules.slowMs) return true;
  const decided = rules.followsParent ? wasSampled(trace) : null;
  return decided ?? shareOf(trace.traceId) < rules.ratio;
}

const hasFailed = ({ status, outcome, attempts }: Receipt): boolean =>
  status >= 500 || failures.has(outcome) || attempts.some(({ fault }) => fault !== null);

/** From 0 to below 1: the chance in an id is in its last 56 bits (Trace Context Level 2, §2.3); 52 of them fit a number. */
const shareOf = (traceId: string): number => Number.parseInt(traceId.slice(-13), 16) / 2 ** 52;
