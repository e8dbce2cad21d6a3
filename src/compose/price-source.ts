import type { PriceSource } from '#config/resolve-models.ts';
import { seedPrices } from '#ledger/prices/seed-prices.ts';

/** List prices as they are at a time. */
export async function openPriceSource(atMs: number): Promise<PriceSource> {
  const seed = await seedPrices();
  return {
    find: (priceList, model) => seed.find(priceList, model, atMs),
    all: (priceList) => seed.all(priceList, atMs),
  };
}
