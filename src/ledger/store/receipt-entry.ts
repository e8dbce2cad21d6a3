import type { ReservedAmount } from '#core/contracts/journal.ts';
import { totalCost, totalPrice } from '#core/price.ts';
import type { AttemptLine, Outcome, Receipt } from '#core/receipt.ts';
import { totalsOf, type TokenTotals } from '#core/usage.ts';
import { columnText } from './column-text.ts';

export const dayMs = 86_400_000;
const mostNano = 2n ** 63n - 1n;
const crockford = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const failures: ReadonlySet<Outcome> = new Set(['upstream_error', 'timeout', 'gateway_crash']);

const nothingUsed = {
  requests: 0,
  attempts: 0,
  errors: 0,
  tokens: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 } as TokenTotals,
  costNano: 0n,
};

/** What a sum is kept for. */
export interface CounterKey {
  readonly day: number;
  readonly key: string;
  readonly project: string;
  readonly team: string;
  readonly service: string;
  readonly model: string;
  readonly provider: string;
  readonly route: string;
  readonly outcome: string;
  readonly currency: string;
}

/** What an attempt adds to the sums. A request counts where its last attempt went. */
export interface Count {
  readonly of: CounterKey;
  readonly requests: number;
  readonly attempts: number;
  /** Requests that failed. */
  readonly errors: number;
  readonly tokens: TokenTotals;
  readonly costNano: bigint;
  /** What the customer pays. */
  readonly priceNano: bigint;
}

/** A receipt as the books take it. */
export interface ReceiptEntry {
  readonly receipt: Receipt;
  /** As it was journalled. */
  readonly body: string;
  readonly booked: readonly ReservedAmount[];
  /** Day of the id: which partition it is in. */
  readonly idDay: number;
  /** Subjects, route, outcome, and the last attempt's model and provider. */
  readonly of: CounterKey;
  readonly tokens: number;
  /** Whatever the currencies: for checking, not for charging. */
  readonly costNano: bigint;
  readonly counts: readonly Count[];
}

/** @throws RangeError for figures that no book can hold, TypeError for what is no receipt. */
export function mapEntry(receipt: Receipt, body: string, booked: readonly ReservedAmount[]): ReceiptEntry {
  const day = Math.floor(receipt.admittedAtMs / dayMs);
  const { key, project, team, service = '' } = receipt.subjects;
  const last = receipt.attempts.at(-1);
  const subjects = {
    day,
    key: columnText(key),
    project: columnText(project),
    team: columnText(team),
    service: columnText(service),
    route: columnText(receipt.route),
    outcome: columnText(receipt.outcome),
  };
  const of: CounterKey = {
    ...subjects,
    model: columnText(last?.model ?? receipt.requestedModel ?? ''),
    provider: columnText(last?.provider ?? ''),
    currency: '',
  };
  const errors = failures.has(receipt.outcome) ? 1 : 0;
  const counts = receipt.attempts.flatMap((attempt): Count[] => {
    const whose = {
      ...subjects,
      model: columnText(attempt.model),
      provider: columnText(attempt.provider),
      currency: columnText(attempt.currency),
    };
    const isLast = attempt === last;
    const { priceNano, ...sums } = sumOf(attempt);
    const used = { requests: isLast ? 1 : 0, attempts: 1, errors: isLast ? errors : 0, ...sums };
    const charged = columnText(attempt.charge?.currency ?? attempt.currency);
    if (charged === whose.currency) return [{ of: whose, ...used, priceNano }];
    // Amounts of two currencies stand in two rows; what was used stands in that of the cost.
    const paid = { of: { ...whose, currency: charged }, ...nothingUsed, priceNano };
    return [{ of: whose, ...used, priceNano: 0n }, paid];
  });
  if (!last) counts.push({ of, ...nothingUsed, requests: 1, errors, priceNano: 0n });
  return {
    receipt,
    body,
    booked,
    idDay: idDayOf(receipt.id),
    of,
    tokens: counts.reduce((sum, { tokens }) => sum + tokens.input + tokens.output, 0),
    costNano: counts.reduce((sum, { costNano }) => sum + costNano, 0n),
    counts,
  };
}

/**
 * The day in a receipt's id, counted from 1970-01-01 UTC: an id begins with the milliseconds of its making, in ten
 * characters of Crockford's base 32 (a ULID). 0 for any other id.
 */
export function idDayOf(id: string): number {
  let ms = 0;
  for (let i = 0; i < 10; i += 1) {
    const digit = crockford.indexOf(id[i] ?? ' ');
    if (digit < 0) return 0;
    ms = ms * 32 + digit;
  }
  // More than the 48 bits that such a time has.
  return ms < 2 ** 48 ? Math.floor(ms / dayMs) : 0;
}

function check(count: number, { costNano, priceNano = 0n }: { costNano: bigint; priceNano?: bigint }): void {
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new RangeError(`expected a count from 0 to 2^53 - 1, got ${count}`);
  }
  if (costNano < 0n || priceNano < 0n)
    throw new RangeError(`expected amounts of 0 or more, got ${costNano} and ${priceNano}`);
}

/** @throws RangeError for a count or an amount that cannot be. */
function sumOf(attempt: AttemptLine): Pick<Count, 'tokens' | 'costNano' | 'priceNano'> {
  const { lines, units } = attempt;
  for (const priced of lines) check(priced.line.count, priced);
  if (units) for (const priced of units) check(priced.count, priced);
  const [costNano, priceNano] = [totalCost(attempt), totalPrice(attempt)];
  if (costNano > mostNano || priceNano > mostNano)
    throw new RangeError(`expected amounts below 2^63 nano-units, got ${costNano} and ${priceNano}`);
  return { tokens: totalsOf(lines.map((priced) => priced.line)), costNano, priceNano };
}
