import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AttemptIntent, Journal, ReservedAmount } from '#core/contracts/journal.ts';
import type { AttemptLine, Receipt } from '#core/receipt.ts';
import { inputLine, outputLine } from '#core/usage.ts';

/** Records as the pipeline would write them, for tests of this folder. */
export const noonMs = Date.UTC(2026, 10, 23, 12);

export function sampleIntent(exchange: string, over: Partial<AttemptIntent> = {}): AttemptIntent {
  return {
    exchange,
    attempt: 1,
    route: 'chat',
    dialect: 'chat',
    requestedModel: 'small',
    provider: 'acme',
    model: 'acme-small',
    atMs: noonMs + 5,
    admittedAtMs: noonMs,
    subjects: { key: 'k1', project: 'shop', team: 'web' },
    traceId: null,
    estimatedInput: 120,
    priceVersion: 'config/1',
    reserved: [{ subject: 'rate/0/tokens/60000/project:shop', windowMs: 60_000, amount: 500 }],
    ...over,
  };
}

export function sampleAttempt(over: Partial<AttemptLine> = {}): AttemptLine {
  return {
    number: 1,
    provider: 'acme',
    model: 'acme-small',
    startedAtMs: noonMs + 5,
    endedAtMs: noonMs + 900,
    status: 200,
    fault: null,
    upstreamId: 'up-1',
    usageSource: 'provider',
    rawUsage: { prompt_tokens: 100, completion_tokens: 20 },
    flags: [],
    priceVersion: 'config/1',
    currency: 'USD',
    lines: [
      { line: inputLine(80), costNano: 12_000n },
      { line: inputLine(20, 'read'), costNano: 300n },
      { line: outputLine(15), costNano: 9_000n },
      { line: outputLine(5, 'reasoning'), costNano: 3_000n },
    ],
    ...over,
  };
}

export function sampleReceipt(id: string, over: Partial<Receipt> = {}): Receipt {
  return {
    id,
    route: 'chat',
    outcome: 'completed',
    status: 200,
    fault: null,
    subjects: { key: 'k1', project: 'shop', team: 'web' },
    dialect: 'chat',
    requestedModel: 'small',
    admittedAtMs: noonMs,
    settledAtMs: noonMs + 1_000,
    firstContentAtMs: noonMs + 300,
    requestBytes: 910,
    responseBytes: 2_048,
    traceId: null,
    dropped: [],
    attempts: [sampleAttempt()],
    ...over,
  };
}

export const sampleBooked: readonly ReservedAmount[] = [
  { subject: 'rate/0/tokens/60000/project:shop', windowMs: 60_000, amount: 120 },
];

/** 26 characters that sort by `n`. */
export const sampleId = (n: number): string => `01JD${String(n).padStart(22, '0')}`;

/** A folder that is gone after the test. */
export function testFolder(test: { after(run: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-ledger-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

type Written = { intent: AttemptIntent } | { receipt: Receipt; booked?: readonly ReservedAmount[] };

/** Resolves when the record's callback ran without an error. */
export function recorded(journal: Journal, record: Written): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null): void => (error ? reject(error) : resolve());
    if ('intent' in record) journal.intent(record.intent, done);
    else journal.receipt(record.receipt, record.booked ?? sampleBooked, done);
  });
}

const crockford = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** The id of an exchange that began at a time, for tests that know what would else be chance (a ULID). */
export const idAt = (ms: number, n: number): string => base32(ms, 10) + base32(n, 16);

function base32(value: number, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32))
    text = crockford[rest % 32]! + text;
  return text;
}
