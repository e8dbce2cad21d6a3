import { openJournal } from '../journal/open-journal.ts';
import { noonMs, sampleBooked, sampleId, sampleIntent, sampleReceipt } from './samples.ts';
import { say } from './say.ts';

/**
 * A worker's journal in a process of its own, for tests that limit or kill it:
 * `node journal-writer.ts <directory> <receipts>`. Prints `ok <id>` once a receipt is on record, `<code> <id>` when it
 * could not be written, `open <id>` once an intent is. Without a number of receipts it goes on until it is killed,
 * leaving one exchange in three without a receipt.
 */
const [directory, wanted] = process.argv.slice(2);
const incarnation = `p${process.pid}`;
const journal = openJournal({ directory: directory!, worker: 0, incarnation, onSealed: () => undefined });
let number = 0;

function settle(id: string): void {
  const receipt = sampleReceipt(id, { settledAtMs: noonMs + number });
  journal.receipt(receipt, sampleBooked, (error) => {
    say(error ? `${(error as NodeJS.ErrnoException).code} ${id}` : `ok ${id}`);
  });
}

function turn(): void {
  if (wanted && number >= Number(wanted)) return journal.close();
  for (let n = 0; n < 1 + (number % 7); n += 1) {
    number += 1;
    const id = `${sampleId(number).slice(0, 16)}${String(process.pid).padStart(10, '0')}`;
    if (wanted) settle(`${id}${number}`);
    else openThenSettle(`${id}${number}`, number);
  }
  setImmediate(turn);
}

function openThenSettle(id: string, nth: number): void {
  journal.intent(sampleIntent(id), (error) => {
    say(error ? `${(error as NodeJS.ErrnoException).code} ${id}` : `open ${id}`);
    if (error) return;
    const mark = { exchange: id, attempt: 1, atMs: noonMs + nth, currency: 'USD' };
    journal.progress({ ...mark, inputTokens: 100, outputTokens: nth, costNano: String(nth * 7) });
    if (nth % 3 !== 0) settle(id);
  });
}

turn();
