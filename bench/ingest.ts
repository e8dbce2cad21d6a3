import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReservedAmount } from '#core/contracts/journal.ts';
import type { Receipt } from '#core/receipt.ts';
import { inputLine, outputLine } from '#core/usage.ts';
import { openJournal } from '#ledger/journal/open-journal.ts';
import { LedgerWriter } from '#ledger/store/ledger-writer.ts';
import { openBooks } from '#ledger/store/open-books.ts';
import { verifyBooks } from '#ledger/store/verify.ts';
import { idAt } from '#ledger/testing/samples.ts';

/**
 * What the ledger costs: exchanges on the books for one second of CPU.
 *
 *     node --conditions=source bench/ingest.ts [exchanges] [exchanges a segment] [segments a transaction]
 *
 * An exchange is an intent, a receipt and two windows, from one of 20 keys, as two workers would journal them.
 */
const [exchanges = 50_000, eachSegment = 100, eachBatch = 4] = process.argv.slice(2).map(Number);
const startMs = Date.UTC(2026, 0, 1);
const folder = mkdtempSync(join(tmpdir(), 'sluice-ingest-'));
try {
  await run();
} finally {
  rmSync(folder, { recursive: true });
}

async function run(): Promise<void> {
  const directory = join(folder, 'journal');
  mkdirSync(directory);
  const sealed = await journalled(directory);
  const databasePath = join(folder, 'ledger.db');
  const books = await openBooks({ databasePath, journalDirectory: directory, postgres: null });
  const writer = new LedgerWriter(books, directory);
  const cpuBefore = process.cpuUsage();
  const beganAt = performance.now();
  for (let at = 0; at < sealed.length; at += eachBatch) await writer.ingest(sealed.slice(at, at + eachBatch));
  const { user, system } = process.cpuUsage(cpuBefore);
  const tookMs = performance.now() - beganAt;
  const verification = await books.ask(verifyBooks());
  await books.close();
  const cpu = (user + system) / exchanges;
  console.log(`${sealed.length} segments, ${eachBatch} a transaction`);
  console.log(
    `${cpu.toFixed(1)} µs CPU an exchange (${(user / exchanges).toFixed(1)} user, ${(system / exchanges).toFixed(1)} system)`,
  );
  console.log(
    `${Math.round(1e6 / cpu)} exchanges a CPU second, ${Math.round((exchanges / tookMs) * 1e3)} a second`,
  );
  console.log(`${Math.round(statSync(databasePath).size / exchanges)} bytes on disk an exchange`);
  console.log(`${verification.receipts} receipts, ${verification.findings.length} findings`);
}

async function journalled(directory: string): Promise<string[]> {
  const sealed: string[] = [];
  const onSealed = (path: string): void => void sealed.push(path);
  const journals = [0, 1].map((worker) => openJournal({ directory, worker, incarnation: 'bench', onSealed }));
  for (let n = 0; n < exchanges; n += eachSegment) {
    const journal = journals[(n / eachSegment) % 2]!;
    const written: Promise<void>[] = [];
    for (let i = n; i < Math.min(n + eachSegment, exchanges); i += 1) {
      const receipt = sample(i);
      const reserved = booked(i);
      const { id: exchange, route, dialect, requestedModel, admittedAtMs, subjects, traceId } = receipt;
      journal.intent(
        {
          ...{
            exchange,
            attempt: 1,
            route,
            dialect,
            requestedModel,
            provider: 'acme',
            model: 'acme-large-2026-01-01',
          },
          ...{ atMs: admittedAtMs + 1, admittedAtMs, subjects, traceId, estimatedInput: 120, reserved },
          priceVersion: 'config/4f1a9b2c',
        },
        () => undefined,
      );
      written.push(new Promise((resolve) => journal.receipt(receipt, reserved, () => resolve())));
    }
    await Promise.all(written);
    journal.seal();
  }
  for (const journal of journals) journal.close();
  return sealed;
}

function booked(n: number): ReservedAmount[] {
  return ['requests', 'tokens'].map((sort) => ({
    subject: `chat/rate-limit/1/${sort}/60000/key:key-${n % 20}`,
    windowMs: 60_000,
    amount: sort === 'requests' ? 1 : 140,
  }));
}

function sample(n: number): Receipt {
  const admittedAtMs = startMs + Math.floor(n / 5);
  const usage = {
    prompt_tokens: 100,
    completion_tokens: 40,
    total_tokens: 140,
    prompt_tokens_details: { cached_tokens: 20 },
    completion_tokens_details: { reasoning_tokens: 15 },
  };
  return {
    id: idAt(admittedAtMs, n),
    route: 'chat',
    outcome: 'completed',
    status: 200,
    fault: null,
    subjects: { key: `key-${n % 20}`, project: `project-${n % 5}`, team: 'web' },
    dialect: 'openai-chat',
    requestedModel: 'large',
    admittedAtMs,
    settledAtMs: admittedAtMs + 900,
    firstContentAtMs: admittedAtMs + 300,
    requestBytes: 910,
    responseBytes: 2_048,
    traceId: n.toString(16).padStart(32, '0'),
    dropped: [],
    attempts: [
      {
        number: 1,
        provider: 'acme',
        model: 'acme-large-2026-01-01',
        startedAtMs: admittedAtMs + 1,
        endedAtMs: admittedAtMs + 899,
        status: 200,
        fault: null,
        upstreamId: `req_${n.toString(16).padStart(24, '0')}`,
        usageSource: 'provider',
        rawUsage: usage,
        flags: [],
        priceVersion: 'config/4f1a9b2c',
        currency: 'USD',
        lines: [
          { line: inputLine(80), costNano: 12_000n },
          { line: inputLine(20, 'read'), costNano: 300n },
          { line: outputLine(25), costNano: 15_000n },
          { line: outputLine(15, 'reasoning'), costNano: 9_000n },
        ],
      },
    ],
  };
}
