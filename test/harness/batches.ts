import { bodiesIn, type StoredReceipt } from './receipts.ts';

export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The receipts that settled a thing that was owed for, once there is one; thirty seconds at most. */
export async function settledFor(stateDirectory: string, thing: string): Promise<StoredReceipt[]> {
  for (const until = Date.now() + 30_000; Date.now() < until; await pause(50)) {
    const found = receiptsFor(stateDirectory, thing);
    if (found.length > 0) return found;
  }
  throw new Error(`nothing was settled for ${thing}`);
}

/** Those on the books now. */
export const receiptsFor = (stateDirectory: string, thing: string): StoredReceipt[] =>
  bodiesIn(stateDirectory)
    .filter((body) => body.includes(`"upstreamId":"${thing}"`) && /"(?:batch|background)"\]/.test(body))
    .map((body) => JSON.parse(body) as StoredReceipt);

/** Nano-units of all lines of a receipt. */
export const costOf = ({ attempts }: StoredReceipt): bigint =>
  attempts.flatMap(({ lines }) => lines).reduce((sum, { costNano }) => sum + BigInt(costNano), 0n);
