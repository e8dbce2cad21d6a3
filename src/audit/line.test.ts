import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { AuditedExchange } from '#core/contracts/audit.ts';
import { AuditLine } from './connect-audit.ts';
import type { AuditAsk } from './protocol.ts';

const entry = (id: number, content: string | null = null): AuditedExchange => ({
  ...{ kind: 'exchange', id: String(id), route: 'r', project: 'p', about: {}, content },
});

interface Log {
  readonly line: AuditLine;
  readonly batches: (AuditAsk & { readonly type: 'exchanges' })[];
  /** Answers what came so far, and all that comes from now on. */
  answer(error?: string): void;
  close(): void;
}

/** A line to a log that says nothing until it is told to. */
function silentLog(): Log {
  const { port1, port2 } = new MessageChannel();
  const batches: Log['batches'] = [];
  const open: number[] = [];
  let answers = false;
  const reply = (port: MessagePort, number: number, error: string | null) =>
    port.postMessage({ number, error, answer: {} });
  port1.on('message', ({ number, ask }: { number: number; ask: Log['batches'][number] }) => {
    batches.push(ask);
    if (answers) reply(port1, number, null);
    else open.push(number);
  });
  return {
    line: new AuditLine(port2),
    batches,
    answer(error) {
      answers = error === undefined;
      for (const number of open.splice(0)) reply(port1, number, error ?? null);
    },
    close: () => port1.close(),
  };
}

async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end;) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('it did not come');
}

test('security 41: a log that hangs: what waits is bounded, what is dropped is counted and told to the log later', async () => {
  const log = silentLog();
  log.line.put(entry(0), false);
  await until(() => log.batches.length === 1);
  for (let i = 1; i < 12_000; i++) log.line.put(entry(i), false);
  assert.equal(log.line.hasRoom(), false);
  assert.equal(log.line.dropped, 2000);
  log.line.put(entry(99_999), true);
  assert.equal(log.line.dropped, 2000, 'what was let in on the word that it is kept is kept');
  log.answer();
  await log.line.close();
  const told = log.batches.flatMap(({ entries }) => entries.map(({ id }) => id));
  assert.equal(told.length, 10_001);
  assert.equal(told.at(-1), '99999');
  assert.equal(
    log.batches.reduce((sum, { dropped }) => sum + dropped, 0),
    2000,
  );
  assert.equal(log.line.hasRoom(), true);
  log.close();
});

test('a few large entries fill it, too', async () => {
  const log = silentLog();
  for (let i = 0; i < 20; i++) log.line.put(entry(i, 'x'.repeat(1 << 20)), false);
  assert.ok(log.line.dropped >= 4, String(log.line.dropped));
  log.answer();
  await log.line.close();
  log.close();
});

test('a write that fails is made again under its number, and until then there is no room for what must be kept', async () => {
  const log = silentLog();
  log.line.put(entry(1), true);
  await until(() => log.batches.length === 1);
  log.answer('disk full');
  await until(() => log.line.failures === 1);
  assert.equal(log.line.hasRoom(), false);
  log.line.put(entry(2), false);
  log.answer();
  await until(() => log.batches.length >= 3);
  assert.deepEqual(
    log.batches.map(({ batch, entries }) => [batch, entries.map(({ id }) => id)]),
    [
      [1, ['1']],
      [1, ['1']],
      [2, ['2']],
    ],
  );
  await log.line.close();
  assert.equal(log.line.hasRoom(), true);
  log.close();
});
