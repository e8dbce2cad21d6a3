import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  recorded,
  sampleBooked,
  sampleId,
  sampleIntent,
  sampleReceipt,
  testFolder,
} from '../testing/samples.ts';
import { openJournal, type SegmentedJournal } from './open-journal.ts';
import { readSegment } from './read-segment.ts';
import { renderReceipt } from './record.ts';
import type { SegmentFiles } from './segment-writer.ts';

interface Fixture {
  readonly directory: string;
  readonly sealed: string[];
  readonly journal: SegmentedJournal;
  /** Every exchange in the folder, from intents and receipts alike. */
  exchanges(): string[];
}

function fixture(
  context: TestContext,
  files: Partial<SegmentFiles> = {},
  durability: 'usual' | 'strict' = 'usual',
): Fixture {
  const directory = testFolder(context);
  const sealed: string[] = [];
  const journal = openJournal({
    directory,
    worker: 3,
    incarnation: '01JD.1',
    durability,
    onSealed: (path) => sealed.push(path),
    files: { ...fs, ...files },
  });
  context.after(() => journal.close());
  return { directory, sealed, journal, exchanges: () => exchangesIn(directory) };
}

function exchangesIn(directory: string): string[] {
  const names = fs.readdirSync(directory).sort();
  const records = names.flatMap((name) => readSegment(join(directory, name)).records);
  return records.map((record) =>
    record.type === 'receipt' ? record.receipt.id : record.type === 'intent' ? record.intent.exchange : '',
  );
}

test('records survive the round trip, amounts included', async (context) => {
  const { journal, sealed } = fixture(context);
  const receipt = sampleReceipt(sampleId(1), { fault: 'lone \ud800 surrogate, 漢字, \u0000' });
  await recorded(journal, { intent: sampleIntent(sampleId(1)) });
  journal.progress({
    exchange: sampleId(1),
    attempt: 1,
    atMs: 1,
    inputTokens: 2,
    outputTokens: 3,
    costNano: '4',
    currency: 'USD',
  });
  await recorded(journal, { receipt });
  const event = {
    id: 'budget/1',
    type: 'budget.threshold',
    subject: 'project:shop',
    atMs: 5,
    data: { percent: 80 },
  } as const;
  await new Promise((resolve) => journal.event(event, resolve));
  journal.seal();
  const read = readSegment(sealed[0]!);
  assert.deepEqual(read.identity, { worker: 3, incarnation: '01JD.1', sequence: 0 });
  assert.deepEqual(
    read.records.map((record) => record.type),
    ['intent', 'progress', 'receipt', 'event'],
  );
  assert.deepEqual(read.records[3], { type: 'event', event });
  assert.deepEqual(read.records[0], { type: 'intent', intent: sampleIntent(sampleId(1)) });
  assert.deepEqual(read.records[2], {
    type: 'receipt',
    receipt,
    body: renderReceipt(receipt),
    booked: sampleBooked,
  });
});

test('all records of a turn go out in one write, and no callback runs before it', async (context) => {
  let writes = 0;
  const writeSync = ((...args: Parameters<typeof fs.writeSync>) => {
    writes += 1;
    return fs.writeSync(...args);
  }) as typeof fs.writeSync;
  const { journal, exchanges } = fixture(context, { writeSync });
  await recorded(journal, { intent: sampleIntent(sampleId(0)) });
  writes = 0;
  const all = Array.from({ length: 500 }, (_, n) =>
    recorded(journal, { receipt: sampleReceipt(sampleId(n)) }),
  );
  assert.equal(writes, 0);
  await Promise.race(all);
  assert.equal(writes, 1);
  await Promise.all(all);
  assert.equal(exchanges().length, 501);
});

test('a record larger than the buffer is written whole', async (context) => {
  const { journal, sealed } = fixture(context);
  const receipt = sampleReceipt(sampleId(1), { dropped: ['é'.repeat(700_000)] });
  await recorded(journal, { receipt });
  assert.equal(sealed.length, 1, 'over a megabyte: sealed at once');
  assert.deepEqual(readSegment(sealed[0]!).records[0], {
    type: 'receipt',
    receipt,
    body: renderReceipt(receipt),
    booked: sampleBooked,
  });
});

test('a segment is sealed by time while the worker is quiet, and an empty one is never made', async (context) => {
  const directory = testFolder(context);
  const sealed = new Promise<string>((resolve) => {
    const journal = openJournal({ directory, worker: 0, incarnation: 'a', onSealed: resolve });
    context.after(() => journal.close());
    journal.progress({ ...progressMark, exchange: 'x' });
  });
  // The journal's own timer does not hold the process: this one does while we wait.
  const hold = setInterval(() => undefined, 1_000);
  const path = await sealed;
  clearInterval(hold);
  assert.equal(readSegment(path).records.length, 1);
  assert.deepEqual(fs.readdirSync(directory).length, 1);
});

const progressMark = { attempt: 1, atMs: 1, inputTokens: 1, outputTokens: 1, costNano: '1', currency: 'USD' };

test('a throwing callback does not keep the news from the others, and is not swallowed', async (context) => {
  const directory = testFolder(context);
  const script = `
    import { openJournal } from ${JSON.stringify(new URL('./open-journal.ts', import.meta.url).href)};
    process.once('uncaughtException', (error) => console.log('surfaced', error.message));
    const journal = openJournal({ directory: ${JSON.stringify(directory)}, worker: 0, incarnation: 'a', onSealed() {} });
    journal.intent({}, () => { throw new Error('mine'); });
    journal.intent({}, (error) => console.log('second', error));`;
  const flags = ['--conditions=source', '--input-type=module', '--eval', script];
  const child = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await once(child, 'close');
  assert.deepEqual(output.trim().split('\n').sort(), ['second null', 'surfaced mine']);
});

test('a closed journal answers with an error', async (context) => {
  const { journal } = fixture(context);
  journal.close();
  await assert.rejects(recorded(journal, { intent: sampleIntent(sampleId(1)) }), /closed/);
});

for (const truncates of [true, false]) {
  test(`a full disk: the turn's callers learn it, none of its records is read back (${truncates ? 'cut off' : 'cannot be cut off'})`, async (context) => {
    let full = false;
    const writeSync = ((fd: number, batch: Buffer, offset: number, length: number, position: number) => {
      if (!full) return fs.writeSync(fd, batch, offset, length, position);
      // As a kernel does it: what fits is written, the next call says why no more was.
      if (length > 700) return fs.writeSync(fd, batch, offset, length - 700, position);
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    }) as typeof fs.writeSync;
    const ftruncateSync: typeof fs.ftruncateSync = (fd, length) => {
      if (!truncates) throw Object.assign(new Error('EIO: i/o error, ftruncate'), { code: 'EIO' });
      fs.ftruncateSync(fd, length);
    };
    const { journal, exchanges } = fixture(context, { writeSync, ftruncateSync });
    await recorded(journal, { receipt: sampleReceipt(sampleId(1)) });
    full = true;
    for (const from of [10, 20]) {
      const failed = Array.from({ length: 6 }, (_, n) =>
        recorded(journal, { receipt: sampleReceipt(sampleId(from + n)) }).then(
          () => 'written',
          (error: NodeJS.ErrnoException) => error.code,
        ),
      );
      assert.deepEqual(
        await Promise.all(failed),
        Array.from({ length: 6 }, () => 'ENOSPC'),
      );
    }
    full = false;
    await recorded(journal, { receipt: sampleReceipt(sampleId(2)) });
    journal.seal();
    assert.deepEqual(exchanges(), [sampleId(1), sampleId(2)]);
  });
}

test('strict durability: a callback runs once its record, and its file’s name, are on the disk', async (context) => {
  for (const durability of ['usual', 'strict'] as const) {
    const steps: string[] = [];
    const fdatasyncSync: typeof fs.fdatasyncSync = (fd) => (steps.push('data'), fs.fdatasyncSync(fd));
    const fsyncSync: typeof fs.fsyncSync = (fd) => (steps.push('folder'), fs.fsyncSync(fd));
    const { journal } = fixture(context, { fdatasyncSync, fsyncSync }, durability);
    const record = async (n: number) => {
      await recorded(journal, { receipt: sampleReceipt(sampleId(n)) });
      steps.push('called back');
    };
    await Promise.all([record(1), record(2)]);
    journal.progress({ ...progressMark, exchange: 'x' });
    await record(3);
    const called = steps.filter((step) => step === 'called back');
    if (durability === 'usual') assert.deepEqual(steps, called);
    else assert.deepEqual(steps, ['data', 'folder', 'called back', 'called back', 'data', 'called back']);
  }
});

test('strict durability: what did not reach the disk is not on record', async (context) => {
  let broken = true;
  const fdatasyncSync: typeof fs.fdatasyncSync = (fd) => {
    if (broken) throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
    fs.fdatasyncSync(fd);
  };
  const { journal, exchanges } = fixture(context, { fdatasyncSync }, 'strict');
  await assert.rejects(recorded(journal, { receipt: sampleReceipt(sampleId(1)) }), /EIO/);
  broken = false;
  await recorded(journal, { receipt: sampleReceipt(sampleId(2)) });
  journal.seal();
  assert.deepEqual(exchanges(), [sampleId(2)]);
});

test('a limit of the kernel on the size of files is met like a full disk', async (context) => {
  const directory = testFolder(context);
  const writer = fileURLToPath(new URL('../testing/journal-writer.ts', import.meta.url));
  // Blocks of 512 or 1024 bytes, as the shell has it: far below what the child writes either way.
  const child = spawn(
    'sh',
    [
      '-c',
      'ulimit -f 40 && exec "$@"',
      'sh',
      process.execPath,
      '--conditions=source',
      writer,
      directory,
      '400',
    ],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await once(child, 'close');
  const lines = output.trim().split('\n');
  const confirmed = lines.filter((line) => line.startsWith('ok ')).map((line) => line.slice(3));
  const refused = lines.filter((line) => line.startsWith('EFBIG '));
  assert.ok(confirmed.length > 0 && refused.length > 0, `ok ${confirmed.length}, refused ${refused.length}`);
  assert.deepEqual(exchangesIn(directory).sort(), confirmed.sort());
});
