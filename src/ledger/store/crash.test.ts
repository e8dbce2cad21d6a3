import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { testFolder } from '../testing/samples.ts';
import { onEachStore } from '../testing/stores.ts';
import type { LedgerPlace } from './open-books.ts';
import { startLedger } from './start-ledger.ts';

const writer = fileURLToPath(new URL('../testing/journal-writer.ts', import.meta.url));
const ledgers = process.env['SLUICE_LONG'] ? 25 : 1;
const killsOfEach = 4;

/** Runs the writer until it has said `lines` lines, then a little longer, and kills it. What it said is returned. */
async function runAndKill(directory: string, lines: number): Promise<string[]> {
  const flags = ['--conditions=source', writer, directory];
  const child = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  let seen = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    for (const byte of chunk) if (byte === 10) seen += 1;
    if (seen >= lines) child.kill('SIGKILL');
  });
  await once(child, 'close');
  assert.equal(child.signalCode, 'SIGKILL');
  // The last line may be cut; a whole one was true when it was said.
  return said.slice(0, said.lastIndexOf('\n')).split('\n');
}

onEachStore(
  'killed at any moment: what was confirmed is on the books, what was open is settled',
  async (context, store) => {
    let receipts = 0;
    let lost = 0;
    for (let n = 0; n < ledgers; n += 1) {
      const found = await killAndRecover(await store.place(testFolder(context)));
      receipts += found.booked;
      lost += found.lost;
    }
    context.diagnostic(
      `figure: journal writers killed by SIGKILL, books in ${store.name}: ${ledgers * killsOfEach}`,
    );
    context.diagnostic(`figure: receipts recovered from their journals, books in ${store.name}: ${receipts}`);
    context.diagnostic(`figure: confirmed receipts that were lost, books in ${store.name}: ${lost}`);
  },
);

/** Returns how many receipts the ledger has in the end, and how many that were confirmed it ever lacked. */
async function killAndRecover(place: LedgerPlace): Promise<{ booked: number; lost: number }> {
  const onError = (error: Error): void => assert.fail(error);
  const options = { ...place, onError };
  const confirmed = new Set<string>();
  const begun = new Set<string>();
  let booked = 0;
  let lost = 0;
  for (let round = 0; round < killsOfEach; round += 1) {
    for (const line of await runAndKill(place.journalDirectory, 10 + Math.floor(Math.random() * 3_000))) {
      const [what, id] = line.split(' ') as [string, string];
      (what === 'ok' ? confirmed : begun).add(id);
    }
    const ledger = await startLedger(options);
    await ledger.recover();
    const completed = new Set<string>();
    const crashed = new Set<string>();
    for await (const receipt of ledger.export({})) {
      (receipt.outcome === 'gateway_crash' ? crashed : completed).add(receipt.id);
    }
    const verified = await ledger.verify();
    await ledger.close();
    const missing = [...confirmed].filter((id) => !completed.has(id));
    lost += missing.length;
    assert.deepEqual(missing, [], 'confirmed, yet not on the books');
    assert.deepEqual(
      [...begun].filter((id) => !completed.has(id) && !crashed.has(id)),
      [],
      'begun, and forgotten',
    );
    assert.ok(crashed.size > 0);
    assert.deepEqual(verified.findings, []);
    assert.equal(verified.receipts, completed.size + crashed.size);
    booked = verified.receipts;
  }
  return { booked, lost };
}
