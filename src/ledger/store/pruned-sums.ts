import type { Asking } from './asking.ts';
import type { ReceiptEntry } from './receipt-entry.ts';
import { amountsOf, figuresOf, type Amounts, type SummedKey } from './verify-sums.ts';

/** What receipts that are gone had summed up to, so that the books can still be added up. */
export interface PrunedDay {
  readonly receipts: number;
  readonly sums: readonly { readonly of: SummedKey; readonly figures: readonly bigint[] }[];
  readonly postings: readonly PrunedPosting[];
}

interface PrunedPosting extends Amounts {
  readonly posting: number;
  readonly currency: string;
}

export const prunedFigures = [
  'requests',
  'attempts',
  'errors',
  'input',
  'output',
  'cost_nano',
  'price_nano',
] as const;

/** Sums up a day's receipts. */
export class PrunedSums {
  receipts = 0;
  readonly #sums = new Map<string, { of: SummedKey; figures: bigint[] }>();
  readonly #postings = new Map<string, PrunedPosting>();

  add({ counts }: ReceiptEntry, posting: number, sign: 1 | -1): void {
    for (const count of counts) {
      const { day, key, team, model, service, currency } = count.of;
      const figures = figuresOf(count, sign);
      const name = [day, key, team, model, service, currency].join('\0');
      const known = this.#sums.get(name);
      if (known) figures.forEach((figure, at) => (known.figures[at] = known.figures[at]! + figure));
      else this.#sums.set(name, { of: { day, key, team, model, service, currency }, figures });
      const posted = `${posting}\0${currency}`;
      const amounts = amountsOf(figures);
      const before = this.#postings.get(posted) ?? { costNano: 0n, priceNano: 0n };
      const costNano = before.costNano + amounts.costNano;
      const priceNano = before.priceNano + amounts.priceNano;
      this.#postings.set(posted, { posting, currency, costNano, priceNano });
    }
  }

  end(): PrunedDay {
    const postings = [...this.#postings.values()].filter(
      ({ costNano, priceNano }) => costNano !== 0n || priceNano !== 0n,
    );
    return { receipts: this.receipts, sums: [...this.#sums.values()], postings };
  }
}

/** What all receipts that are gone had summed up to. */
export function* readPruned(): Asking<PrunedDay> {
  const sums = yield {
    sql: `SELECT day, "key", team, model, service, currency, ${prunedFigures.map((name) => `SUM(${name}) AS ${name}`).join(', ')}
      FROM pruned_sums GROUP BY day, "key", team, model, service, currency`,
    values: [],
  };
  const postings = yield {
    sql: `SELECT posting, currency, SUM(cost_nano) AS cost_nano, SUM(price_nano) AS price_nano
      FROM pruned_postings GROUP BY posting, currency`,
    values: [],
  };
  return {
    receipts: 0,
    sums: sums.map((row) => ({
      of: {
        day: Number(row['day']),
        key: String(row['key']),
        team: String(row['team']),
        model: String(row['model']),
        service: String(row['service']),
        currency: String(row['currency']),
      },
      figures: prunedFigures.map((name) => BigInt(row[name] as bigint)),
    })),
    postings: postings.map((row) => ({
      posting: Number(row['posting']),
      currency: String(row['currency']),
      costNano: BigInt(row['cost_nano'] as bigint),
      priceNano: BigInt(row['price_nano'] as bigint),
    })),
  };
}
