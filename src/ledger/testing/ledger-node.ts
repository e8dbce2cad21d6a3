import { setTimeout as pause } from 'node:timers/promises';
import { openJournal } from '../journal/open-journal.ts';
import type { LedgerPlace } from '../store/open-books.ts';
import { startLedger } from '../store/start-ledger.ts';
import { idAt, recorded, sampleIntent, sampleReceipt } from './samples.ts';
import { say } from './say.ts';

/**
 * A node of a ledger in a process of its own, for tests that kill it and take its disk away: `node ledger-node.ts <place as JSON>`.
 * Prints `<id> <milliseconds>` once a receipt is on record, until it is killed, leaving one exchange in five open.
 */
const place = JSON.parse(process.argv[2]!) as LedgerPlace;
const ledger = await startLedger({
  ...place,
  onError: (error) => process.stderr.write(`${error.message}\n`),
});
const onSealed = (path: string): void => ledger.sealed(path);
const incarnation = `p${process.pid}`;
const journal = openJournal({ directory: place.journalDirectory, worker: 0, incarnation, onSealed });
for (let n = 0; ; n += 1) {
  const nowMs = Date.now();
  const id = idAt(nowMs, n);
  const times = { admittedAtMs: nowMs };
  await recorded(journal, { intent: sampleIntent(id, times) });
  if (n % 5 !== 0) {
    await recorded(journal, { receipt: sampleReceipt(id, { ...times, settledAtMs: nowMs }) });
    say(`${id} ${Date.now()}`);
  }
  if (n % 10 === 0) await pause(1);
}
