import type { AttemptIntent, AttemptProgress, ReservedAmount } from '#core/contracts/journal.ts';
import type { PricedLine } from '#core/price.ts';
import type { AttemptLine, Receipt } from '#core/receipt.ts';
import { inputLine, outputLine } from '#core/usage.ts';

export interface CrashedAttempt {
  readonly intent: AttemptIntent;
  readonly progress: AttemptProgress | null;
}

/**
 * The receipt of an exchange whose worker died: the customer pays the last progress mark of each attempt and nothing
 * where there is none; what the operator owes upstream is somewhere between that and the estimate, and said so in
 * `rawUsage`. `attempts` are those of one exchange, ascending, at least one.
 */
export function mapCrashReceipt(attempts: readonly CrashedAttempt[], settledAtMs: number): Receipt {
  const last = attempts.at(-1)!.intent;
  return {
    id: last.exchange,
    route: last.route,
    outcome: 'gateway_crash',
    status: 0,
    fault: null,
    subjects: last.subjects,
    dialect: last.dialect,
    requestedModel: last.requestedModel,
    admittedAtMs: last.admittedAtMs,
    settledAtMs,
    firstContentAtMs: null,
    requestBytes: 0,
    responseBytes: 0,
    traceId: last.traceId,
    dropped: [],
    attempts: attempts.map(mapAttempt),
  };
}

/** What an exchange held of limits, by its last attempt, as far as that came on record. */
export const reservedBy = ({ intent, progress }: CrashedAttempt): readonly ReservedAmount[] =>
  progress?.reserved ?? intent.reserved;

function mapAttempt({ intent, progress }: CrashedAttempt): AttemptLine {
  return {
    number: intent.attempt,
    provider: intent.provider,
    model: intent.model,
    startedAtMs: intent.atMs,
    endedAtMs: progress?.atMs ?? intent.atMs,
    status: 0,
    fault: null,
    upstreamId: null,
    usageSource: progress ? 'provider_partial' : 'estimate',
    rawUsage: {
      progress,
      operatorCost: {
        fromNano: progress?.costNano ?? '0',
        toNano: intent.estimatedCostNano ?? null,
        estimatedInputTokens: intent.estimatedInput,
      },
    },
    flags: ['gateway-crash', 'operator-cost-uncertain'],
    priceVersion: intent.priceVersion,
    currency: progress?.currency ?? intent.currency ?? '',
    ...(progress ? markedUsage(progress) : { lines: [] }),
  };
}

/** What is on record of an attempt that ended at a mark. */
export function markedUsage(progress: AttemptProgress): Pick<AttemptLine, 'charge' | 'lines'> {
  const { charge } = progress;
  return {
    ...(charge ? { charge: { version: charge.version, currency: charge.currency } } : {}),
    lines: mapLines(progress),
  };
}

/** A mark carries one cost for both directions: it stands whole on the last line, and the lines still sum to it. */
function mapLines({ inputTokens, outputTokens, costNano, charge }: AttemptProgress): PricedLine[] {
  const amounts = (cost: string, price: string) => ({
    costNano: BigInt(cost),
    ...(charge ? { priceNano: BigInt(price) } : {}),
  });
  const all = amounts(costNano, charge?.priceNano ?? '0');
  if (outputTokens === 0) return [{ line: inputLine(inputTokens), ...all }];
  return [
    { line: inputLine(inputTokens), ...amounts('0', '0') },
    { line: outputLine(outputTokens), ...all },
  ];
}
