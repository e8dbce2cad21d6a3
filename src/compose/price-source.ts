import type { PriceSource } from '#config/resolve-models.ts';
import { seedPrices } from '#ledger/prices/seed-prices.ts';

/** List prices. */
export const openPriceSource = (): Promise<PriceSource> => seedPrices();
