import { totalCost, totalPrice } from '#core/price.ts';
import type { Receipt } from '#core/receipt.ts';
import { repriceReceipt, type PriceBook } from '#core/reprice.ts';
import type { Books } from './books.ts';
import { rerateReceipts } from './post-batch.ts';
import { queryReceipts, type ExportQuery } from './queries.ts';

export interface RerateWish {
  readonly query: ExportQuery;
  /** Of attempts with this model only; null: of all. */
  readonly model: string | null;
  readonly book: PriceBook;
  /** Says what would be, and changes nothing. */
  readonly dryRun: boolean;
  /** Receipts after this id. */
  readonly after: string;
}

export interface RerateStep {
  /** To go on from; null: that was all. */
  readonly after: string | null;
  readonly examined: number;
  readonly corrected: number;
  /** What is owed more than before, or less, by currency. */
  readonly difference: Readonly<Record<string, { readonly costNano: bigint; readonly priceNano: bigint }>>;
}

/** Receipts in one transaction. */
const pageSize = 500;

/**
 * Prices receipts anew, by the book, and books the difference: a correction beside each that changes. Done again it changes
 * nothing. One page of them, so that whatever else there is to do comes in between.
 */
export async function rerate(books: Books, wish: RerateWish): Promise<RerateStep> {
  const { query, model, book, dryRun } = wish;
  const page = await books.ask(queryReceipts(query, { after: wish.after, limit: pageSize }));
  const change = (receipt: Receipt) => repriceReceipt(receipt, book, model);
  const changed = page.flatMap((before) => {
    const now = change(before);
    return now ? [{ before, now }] : [];
  });
  if (changed.length > 0 && !dryRun)
    await books.write((tables) =>
      rerateReceipts(
        tables,
        changed.map(({ before }) => before.id),
        change,
      ),
    );
  const difference: Record<string, { costNano: bigint; priceNano: bigint }> = {};
  for (const { before, now } of changed) {
    addMoney(difference, before, -1n);
    addMoney(difference, now, 1n);
  }
  const after = page.length < pageSize ? null : page.at(-1)!.id;
  return { after, examined: page.length, corrected: changed.length, difference };
}

function addMoney(
  sums: Record<string, { costNano: bigint; priceNano: bigint }>,
  { attempts }: Receipt,
  sign: 1n | -1n,
): void {
  for (const attempt of attempts) {
    const { currency, charge } = attempt;
    (sums[currency] ??= { costNano: 0n, priceNano: 0n }).costNano += sign * totalCost(attempt);
    (sums[charge?.currency ?? currency] ??= { costNano: 0n, priceNano: 0n }).priceNano +=
      sign * totalPrice(attempt);
  }
}
