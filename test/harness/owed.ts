import { join } from 'node:path';
import { readLedger } from '#ledger/store/offline.ts';
import type { StoredReceipt } from './receipts.ts';

export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The receipts that settled a thing that was owed for, once there is one; a minute at most. */
export async function settledFor(stateDirectory: string, thing: string): Promise<StoredReceipt[]> {
  for (const until = Date.now() + 60_000; Date.now() < until; await pause(50)) {
    const found = receiptsFor(stateDirectory, thing);
    if (found.length > 0) return found;
  }
  throw new Error(`nothing was settled for ${thing}`);
}

/** Those on the books now. */
export function receiptsFor(stateDirectory: string, thing: string): StoredReceipt[] {
  const ledger = readLedger(join(stateDirectory, 'ledger.db'));
  try {
    return [...ledger.export({})]
      .filter(({ attempts }) =>
        attempts.some(
          ({ upstreamId, flags }) =>
            upstreamId === thing && (flags.includes('batch') || flags.includes('background')),
        ),
      )
      .map((receipt) => JSON.parse(JSON.stringify(receipt, plain)) as StoredReceipt);
  } finally {
    ledger.close();
  }
}

const plain = (_: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value);

/** Nano-units of all lines of a receipt. */
export const costOf = ({ attempts }: StoredReceipt): bigint =>
  attempts.flatMap(({ lines }) => lines).reduce((sum, { costNano }) => sum + BigInt(costNano), 0n);
