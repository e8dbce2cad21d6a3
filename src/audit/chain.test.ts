import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { MasterKey } from '#storage/embedded/master-key.ts';
import { openChainSecret, readChainSecret } from './chain-secret.ts';
import { ChainWriter } from './chain-writer.ts';
import { ContentKeys } from './content-keys.ts';
import { chainFolder, segmentName, segmentsIn } from './places.ts';
import { searchChain } from './search-chain.ts';
import { verifyChain } from './verify-chain.ts';

const isLong = process.env['SLUICE_LONG'] !== undefined;
const folders: string[] = [];
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

const given = ['12'.repeat(32)];
const rules = { keepMs: 0, maxBytes: 0, segmentBytes: 2048 };
let nowMs = 1_000_000;

function newState(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-chain-'));
  folders.push(folder);
  return folder;
}

const masterOf = (directory: string) => new MasterKey({ directory, given });

function openWriter(state: string, more: Partial<typeof rules> = {}): ChainWriter {
  const secret = openChainSecret(state, masterOf(state));
  return new ChainWriter({
    folder: chainFolder(state),
    secret,
    rules: { ...rules, ...more },
    nowMs: () => nowMs,
  });
}

const proofOf = (state: string, expected: { sequence: number; hash: string } | null = null) =>
  verifyChain({ folder: chainFolder(state), secret: readChainSecret(state, masterOf(state)), expected });

const entry = (number: number) => ({
  kind: 'change',
  action: `act-${number}`,
  note: 'ä€ "quoted"\n'.repeat(3),
});

/** A log of several segments. */
function filled(records = 40): string {
  const state = newState();
  const writer = openWriter(state);
  for (let i = 0; i < records; i += 2) writer.append([entry(i), entry(i + 1)]);
  writer.close();
  return state;
}

const original = filled();
const bytesOf = (state: string) =>
  segmentsIn(chainFolder(state)).map((number) => ({
    path: join(chainFolder(state), segmentName(number)),
    size: statSync(join(chainFolder(state), segmentName(number))).size,
  }));

function copyOf(state: string): string {
  const copy = newState();
  cpSync(state, copy, { recursive: true });
  return copy;
}

test('an untouched log is proved, over all of its segments', async () => {
  const proof = await proofOf(original);
  assert.deepEqual(proof.findings, []);
  assert.ok(proof.segments >= 3, `${proof.segments}`);
  assert.equal(proof.records, 40 + proof.segments);
  assert.equal(proof.head!.sequence, proof.records);
  assert.equal((await proofOf(original, proof.head)).clean, true);
  const noted = { sequence: 3, hash: 'a'.repeat(64) };
  assert.equal((await proofOf(original, noted)).clean, false);
});

test('a change of any byte of any segment, or of the head, is found, with its place', async () => {
  const copy = copyOf(original);
  const files = [
    ...bytesOf(copy),
    { path: join(chainFolder(copy), 'head'), size: statSync(join(chainFolder(copy), 'head')).size },
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.nat(files.length - 1),
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      fc.integer({ min: 1, max: 255 }),
      async (which, where, flip) => {
        const { path, size } = files[which]!;
        const before = readFileSync(path);
        const changed = Buffer.from(before);
        const at = Math.floor(where * size);
        changed[at]! ^= flip;
        writeFileSync(path, changed);
        const proof = await proofOf(copy);
        writeFileSync(path, before);
        assert.equal(proof.clean, false, `byte ${at} of ${path}`);
        const line = before.subarray(0, at).filter((byte) => byte === 0x0a).length + 1;
        const isHead = path.endsWith('head');
        const named = proof.findings.some(
          ({ segment, record }) => path.endsWith(segment) && (isHead || record === null || record === line),
        );
        assert.ok(named, JSON.stringify(proof.findings));
      },
    ),
    { numRuns: isLong ? 5000 : 250, seed: 7 },
  );
  assert.equal((await proofOf(copy)).clean, true);
});

test('whatever is cut off the end, or taken out of the middle, is found', async () => {
  const total = bytesOf(original).reduce((sum, { size }) => sum + size, 0);
  const step = isLong ? 1 : 97;
  for (let left = 0; left < total; left += step) {
    const copy = copyOf(original);
    let rest = left;
    for (const { path, size } of bytesOf(copy)) {
      if (rest >= size) rest -= size;
      else if (rest > 0) {
        truncateSync(path, rest);
        rest = 0;
      } else rmSync(path);
    }
    assert.equal((await proofOf(copy)).clean, false, `${left} of ${total} bytes left`);
    rmSync(copy, { recursive: true });
  }
  for (const { path } of bytesOf(original)) {
    const copy = copyOf(original);
    rmSync(path.replace(original, copy));
    assert.equal((await proofOf(copy)).clean, false, path);
  }
  const gone = copyOf(original);
  rmSync(chainFolder(gone), { recursive: true });
  assert.equal((await proofOf(gone)).clean, false);
  openWriter(gone).close();
  const later = await proofOf(gone);
  assert.match(later.findings[0]!.message, /missing/);
});

test('a head of before does not hide what was cut off, and one made elsewhere is no head', async () => {
  const copy = copyOf(original);
  const writer = openWriter(copy);
  writer.append([entry(100)]);
  writer.close();
  const noted = (await proofOf(copy)).head!;
  // Everything as it was a while ago: only who noted the head down can tell.
  const rolledBack = copyOf(original);
  assert.equal((await proofOf(rolledBack)).clean, true);
  assert.equal((await proofOf(rolledBack, noted)).clean, false);
  const other = filled(10);
  cpSync(join(chainFolder(other), 'head'), join(chainFolder(copy), 'head'));
  assert.equal((await proofOf(copy)).clean, false);
});

test('what a kill leaves after any byte of a write is taken up: whole records count, a torn one is said', async () => {
  const before = copyOf(original);
  const grown = copyOf(original);
  const writer = openWriter(grown, { segmentBytes: 1 << 20 });
  writer.append([entry(100), entry(101), entry(102)]);
  writer.close();
  const last = bytesOf(grown).at(-1)!;
  const all = readFileSync(last.path);
  const from = statSync(last.path.replace(grown, before)).size;
  const step = isLong ? 1 : 13;
  for (let bytes = from; bytes <= all.length; bytes += step) {
    // The head is written after the records: it still says what it said.
    const killed = copyOf(before);
    writeFileSync(last.path.replace(grown, killed), all.subarray(0, bytes));
    const crashed = await proofOf(killed);
    assert.deepEqual(crashed.findings, [], `${bytes}`);
    const whole = all.subarray(from, bytes).filter((byte) => byte === 0x0a).length;
    const isTorn = all[bytes - 1] !== 0x0a;
    assert.equal(crashed.notes.length, isTorn ? 1 : 0);
    const next = openWriter(killed, { segmentBytes: 1 << 20 });
    next.append([entry(200)]);
    next.close();
    const proof = await proofOf(killed);
    assert.deepEqual([proof.findings, proof.notes], [[], []], `${bytes}`);
    const found = await searchChain({ folder: chainFolder(killed), keys: null }, { ...anything, limit: 10 });
    assert.equal(found[0]!['action'], 'act-200');
    assert.equal(found.filter(({ kind }) => kind === 'recovered').length, isTorn ? 1 : 0);
    assert.equal(found.filter(({ action }) => /act-10[0-2]/.test(String(action))).length, whole);
    rmSync(killed, { recursive: true });
  }
});

const anything = {
  ...{ fromMs: null, toMs: null, who: null, resource: null, exchange: null, project: null, text: null },
  ...{ limit: 1000, before: null },
};

test('a process that is killed while it writes loses nothing that it was told is written', async () => {
  const state = newState();
  let told = 0;
  for (let round = 0; round < (isLong ? 20 : 3); round++) {
    const child = spawn(
      process.execPath,
      ['--conditions=source', join(import.meta.dirname, 'testing', 'write-on.ts'), state, given[0]!],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.split('\n').length > 20 + round * 7) child.kill('SIGKILL');
    });
    await once(child, 'close');
    told = Math.max(told, ...said.split('\n').slice(0, -1).map(Number));
    const proof = await proofOf(state);
    assert.deepEqual(proof.findings, []);
    assert.ok(proof.head!.sequence >= told, `${proof.head!.sequence} of ${told}`);
  }
  openWriter(state).close();
  const proof = await proofOf(state);
  assert.deepEqual([proof.findings, proof.notes], [[], []]);
});

test('what has had its time goes, the log says so, and is proved all the same; what else goes is found', async () => {
  const state = newState();
  const writer = openWriter(state, { keepMs: 1000, segmentBytes: 1024 });
  for (let i = 0; i < 30; i++) {
    nowMs += 100;
    writer.append([entry(i)]);
  }
  const [first] = segmentsIn(chainFolder(state));
  assert.ok(first! > 1);
  writer.rules = { keepMs: 0, maxBytes: 3000, segmentBytes: 1024 };
  writer.prune();
  writer.close();
  assert.ok(bytesOf(state).reduce((sum, { size }) => sum + size, 0) <= 5000);
  assert.deepEqual((await proofOf(state)).findings, []);
  const copy = copyOf(state);
  rmSync(bytesOf(copy)[0]!.path);
  const proof = await proofOf(copy);
  assert.match(proof.findings[0]!.message, /gone/);
});

test('a write that fails records nothing, and the next one goes on', async () => {
  const state = newState();
  const writer = openWriter(state);
  writer.append([entry(1)]);
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  assert.throws(() => writer.append([{ kind: 'change', circular }]));
  // Half a line, as a full disk leaves it.
  appendFileSync(bytesOf(state)[0]!.path, '{"hash":"');
  writer.append([entry(2)]);
  writer.close();
  const proof = await proofOf(state);
  assert.deepEqual([proof.records, proof.findings, proof.notes], [3, [], []]);
});

test('content is readable until its project’s key is destroyed; the log is proved as before', async () => {
  const state = newState();
  const keys = new ContentKeys(state, masterOf(state));
  const writer = openWriter(state);
  for (const project of ['web', 'shop']) {
    const content = keys.seal(project, `id-${project}`, JSON.stringify({ said: `hello of ${project}` }));
    writer.append([{ kind: 'exchange', id: `id-${project}`, project, route: 'llm', about: {}, content }]);
  }
  writer.close();
  assert.ok(!readFileSync(bytesOf(state)[0]!.path, 'utf8').includes('hello of'));
  const reader = () => ({ folder: chainFolder(state), keys: new ContentKeys(state, masterOf(state)) });
  const found = await searchChain(reader(), { ...anything, text: 'HELLO of web' });
  assert.deepEqual(
    found.map(({ content }) => content),
    [{ said: 'hello of web' }],
  );
  assert.ok(keys.erase('web'));
  assert.equal(keys.erase('web'), null);
  assert.deepEqual(await searchChain(reader(), { ...anything, text: 'hello of web' }), []);
  const [web] = await searchChain(reader(), { ...anything, project: 'web' });
  assert.deepEqual([web!['content'], web!['contentIs']], [null, 'erased']);
  assert.equal((await searchChain(reader(), { ...anything, text: 'hello of shop' })).length, 1);
  assert.equal((await proofOf(state)).clean, true);
  const wrong = new MasterKey({ directory: state, given: ['34'.repeat(32)] });
  assert.throws(
    () => readChainSecret(state, wrong),
    /encrypted under the master key [0-9a-f]{8}, and secrets.masterKey has/,
  );
});
