/** What customers pay, where that is not what it costs: prices of their own, and shares on the cost. */
import type { Ratio } from './money.ts';
import { priceAt, sharePrice, type PriceSchedule, type PriceUse, type PriceVersion } from './price.ts';

/** All that is charged to somebody, by whom it is. */
export interface ChargeBook {
  readonly projects: Readonly<Record<string, ChargeList>>;
  readonly teams: Readonly<Record<string, ChargeList>>;
  /** Everybody else; null: they pay the cost. */
  readonly all: ChargeList | null;
}

export interface ChargeList {
  /** By `provider/model`, `provider/*` and `*`, in this order of preference; of http routes by the name of their price. */
  readonly prices: Readonly<Record<string, PriceSchedule>>;
  /** What is paid for everything else, by ascending `fromMs`; empty: nothing is said of it. */
  readonly markups: readonly Markup[];
}

/** A share of the cost, such as 1.2 times. */
export interface Markup {
  /** Names it on receipts, before the version of the cost. */
  readonly version: string;
  readonly fromMs?: number;
  readonly share: Ratio;
}

export interface Charged {
  readonly project: string;
  readonly team: string;
  /** What its price may be called, the best first; `*` after them. */
  readonly names: readonly string[];
}

/**
 * What the customer pays: the first of project, team and all that says anything of it. Null: the cost. `cost` is the version of
 * the cost that holds for the use.
 */
export function chargeFor(
  book: ChargeBook | null,
  of: Charged,
  { use, cost }: { readonly use: PriceUse; readonly cost: PriceVersion | null },
): PriceVersion | null {
  if (!book) return null;
  for (const list of [ownOf(book.projects, of.project), ownOf(book.teams, of.team), book.all]) {
    if (!list) continue;
    const own = priceAt(scheduleFor(list, of), use);
    if (own) return own;
    const markup = cost && markupAt(list.markups, use.atMs);
    if (markup) return sharePrice(cost, markup.share, (version) => `${markup.version}/${version}`);
  }
  return null;
}

const ownOf = <V>(record: Readonly<Record<string, V>>, name: string): V | null =>
  Object.hasOwn(record, name) ? record[name]! : null;

function scheduleFor({ prices }: ChargeList, { names }: Charged): PriceSchedule | null {
  for (const name of [...names, '*']) if (Object.hasOwn(prices, name)) return prices[name]!;
  return null;
}

function markupAt(markups: readonly Markup[], atMs: number): Markup | null {
  return markups.findLast(({ fromMs }) => (fromMs ?? -Infinity) <= atMs) ?? null;
}
