import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { watchConfig } from './watch.ts';

/** A watched file, and the texts that came, one by one. */
function watched(t: TestContext, known?: string) {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-watch-'));
  const path = join(directory, 'sluice.yaml');
  writeFileSync(path, 'one');
  const texts: string[] = [];
  let wake = () => {};
  const watch = watchConfig(
    path,
    (text) => {
      texts.push(text);
      wake();
    },
    known,
  );
  // The watch's own timer keeps no process alive, and a test that waits must.
  const alive = setInterval(() => {}, 1000);
  t.after(() => {
    clearInterval(alive);
    watch.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const next = async (): Promise<string> => {
    while (texts.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return texts.shift()!;
  };
  return { directory, path, watch, texts, next };
}

test('a file that is written, replaced, or deleted and written again is a change', async (t) => {
  const { directory, path, next } = watched(t);
  writeFileSync(path, 'two');
  assert.equal(await next(), 'two');
  writeFileSync(join(directory, 'draft'), 'three');
  renameSync(join(directory, 'draft'), path);
  assert.equal(await next(), 'three');
  rmSync(path);
  writeFileSync(path, 'four');
  assert.equal(await next(), 'four');
});

test('what was read before the watch began is compared with', async (t) => {
  const { next } = watched(t, 'zero');
  assert.equal(await next(), 'one');
});

test('a file that is referred to counts from when it is followed, and no longer than that', async (t) => {
  const { directory, path, watch, texts, next } = watched(t);
  const key = join(directory, 'key');
  const missing = join(directory, 'no', 'such');
  writeFileSync(key, 'a');
  watch.follow([key, missing]);
  writeFileSync(key, 'b');
  assert.equal(await next(), 'one');
  rmSync(key);
  writeFileSync(key, 'c');
  assert.equal(await next(), 'one');
  watch.follow([]);
  writeFileSync(key, 'd');
  writeFileSync(path, 'two');
  assert.equal(await next(), 'two');
  assert.deepEqual(texts, []);
});

test('the same content again, and a deletion, are no changes', async (t) => {
  const { path, next, texts } = watched(t);
  writeFileSync(path, 'one');
  rmSync(path);
  await new Promise((resolve) => setTimeout(resolve, 300));
  writeFileSync(path, 'one');
  await new Promise((resolve) => setTimeout(resolve, 300));
  writeFileSync(path, 'two');
  assert.equal(await next(), 'two');
  assert.deepEqual(texts, []);
});

test('without a file of its own it tells of those it follows', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-watch-'));
  const path = join(directory, 'secret');
  writeFileSync(path, 'one');
  const changed = Promise.withResolvers<string | null>();
  const watch = watchConfig(null, changed.resolve);
  const alive = setInterval(() => {}, 1000);
  t.after(() => {
    clearInterval(alive);
    watch.close();
    rmSync(directory, { recursive: true, force: true });
  });
  watch.follow([path]);
  writeFileSync(path, 'two');
  assert.equal(await changed.promise, null);
});
