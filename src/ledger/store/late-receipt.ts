import type { AttemptProgress } from '#core/contracts/journal.ts';
import { priceFlags } from '#core/price-usage.ts';
import type { AttemptLine, Receipt } from '#core/receipt.ts';
import { parseReceipt } from '../journal/record.ts';
import { mapCrashReceipt, markedUsage, type CrashedAttempt } from './crash-receipt.ts';

/**
 * A receipt of an id that has one. The same one again is no news. Where the one on the books was made by whoever gave the
 * exchange up for lost, the one that its own gateway wrote is right, and comes late. Anything else contradicts.
 */
export function judgeRepeat(known: string, body: string): 'same' | 'late' | 'conflict' {
  if (known === body) return 'same';
  const [before, now] = [parseReceipt(known), parseReceipt(body)];
  if (before.outcome !== 'gateway_crash')
    return pricelessOf(before) === pricelessOf(now) ? 'same' : 'conflict';
  return now.outcome === 'gateway_crash' ? 'conflict' : 'late';
}

/** All that a receipt says but for what it is priced at: one that was priced anew is the same one still. */
function pricelessOf(receipt: Receipt): string {
  const attempts = receipt.attempts.map(
    ({ priceVersion: _version, currency: _currency, charge: _charge, ...attempt }) => ({
      ...attempt,
      flags: attempt.flags.filter((flag) => !priceFlags.includes(flag)),
      lines: attempt.lines.map(({ line }) => line),
      units: (attempt.units ?? [])
        .filter(({ unit }) => unit !== 'requests')
        .map(({ unit, count }) => [unit, count]),
    }),
  );
  return JSON.stringify({ ...receipt, attempts }, (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}` : value,
  );
}

/** A crash receipt with attempts that nobody knew of when it was made; null when there is nothing to say. */
export function withLateAttempts(receipt: Receipt, attempts: readonly CrashedAttempt[]): Receipt | null {
  if (receipt.outcome !== 'gateway_crash') return null;
  const known = new Set(receipt.attempts.map(({ number }) => number));
  const late = attempts.filter(({ intent }) => !known.has(intent.attempt));
  if (late.length === 0) return null;
  const all = [...receipt.attempts, ...mapCrashReceipt(late, receipt.settledAtMs).attempts];
  return { ...receipt, attempts: all.sort((a, b) => a.number - b.number) };
}

/** A crash receipt whose attempt had gone further than was known; null when there is nothing to say. */
export function withLateMark(receipt: Receipt, mark: AttemptProgress): Receipt | null {
  if (receipt.outcome !== 'gateway_crash') return null;
  const attempt = receipt.attempts.find(({ number }) => number === mark.attempt);
  const raw = attempt?.rawUsage as { progress: AttemptProgress | null; operatorCost: object } | undefined;
  if (!attempt || !raw || (raw.progress && raw.progress.atMs >= mark.atMs)) return null;
  const marked: AttemptLine = {
    ...attempt,
    endedAtMs: mark.atMs,
    usageSource: 'provider_partial',
    rawUsage: { progress: mark, operatorCost: { ...raw.operatorCost, fromNano: mark.costNano } },
    currency: mark.currency,
    ...markedUsage(mark),
  };
  return { ...receipt, attempts: receipt.attempts.map((each) => (each === attempt ? marked : each)) };
}
