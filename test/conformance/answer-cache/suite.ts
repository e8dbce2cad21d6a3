import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { AnswerCache } from '#core/contracts/answer-cache.ts';

export interface CacheUnderTest {
  /** Two that share what is kept. */
  readonly one: AnswerCache;
  readonly other: AnswerCache;
  advance(ms: number): void | Promise<void>;
  close(): void | Promise<void>;
}

/** What every cache of answers does. */
export function conforms(name: string, open: () => CacheUnderTest | Promise<CacheUnderTest>): void {
  let it: CacheUnderTest;
  before(async () => {
    it = await open();
  });
  after(() => it.close());
  const textAt = async (cache: AnswerCache, key: string) => (await cache.find(key)).bytes?.toString() ?? null;
  const put = async (key: string, text: string, marks: readonly string[] = [], lifetimeMs = 60_000) => {
    const { stamp } = await it.one.find(key);
    await it.one.keep(key, { bytes: Buffer.from(text), marks, stamp, lifetimeMs });
  };

  test(`${name}: what is kept is found by whoever shares it, byte for byte, and not under another key`, async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    await it.one.keep('k', { bytes, marks: [], stamp: (await it.one.find('k')).stamp, lifetimeMs: 60_000 });
    assert.ok((await it.other.find('k')).bytes?.equals(bytes));
    assert.equal(await textAt(it.other, 'K'), null);
    await put('k', 'again');
    assert.equal(await textAt(it.other, 'k'), 'again');
    await put('empty', '');
    assert.equal(await textAt(it.one, 'empty'), '');
    await it.other.drop('k');
    assert.equal(await textAt(it.one, 'k'), null);
  });

  test(`${name}: a lifetime ends`, async () => {
    await put('brief', 'x', [], 200);
    assert.equal(await textAt(it.one, 'brief'), 'x');
    await it.advance(400);
    assert.equal(await textAt(it.one, 'brief'), null);
  });

  test(`${name}: a purge reaches all that bears the mark, for everybody, and nothing else`, async () => {
    await put('p1', 'x', ['tag a', 'tag b']);
    await put('p2', 'x', ['tag b']);
    await put('p3', 'x', ['tag c']);
    await it.other.purge(['tag a']);
    assert.deepEqual(
      [await textAt(it.one, 'p1'), await textAt(it.one, 'p2'), await textAt(it.one, 'p3')],
      [null, 'x', 'x'],
    );
    await it.one.purge(['tag b', 'tag c']);
    assert.deepEqual([await textAt(it.other, 'p2'), await textAt(it.other, 'p3')], [null, null]);
    await put('p1', 'anew', ['tag a']);
    assert.equal(await textAt(it.other, 'p1'), 'anew');
  });

  test(`${name}: what was under way at a purge is gone with it`, async () => {
    const { stamp } = await it.one.find('late');
    await it.other.purge(['tag late']);
    await it.one.keep('late', { bytes: Buffer.from('x'), marks: ['tag late'], stamp, lifetimeMs: 60_000 });
    assert.equal(await textAt(it.one, 'late'), null);
  });

  test(`${name}: one leads, the others are told when he is done`, async () => {
    const lead = it.one.lead('l');
    assert.ok(lead);
    assert.equal(it.other.lead('l'), null);
    const settled = it.other.settled('l', 60_000);
    lead.end(true);
    lead.end(true);
    await settled;
    assert.ok(it.other.isVain('l'));
    const next = it.other.lead('l');
    assert.ok(next);
    // Whoever is not heard of for that long leads no longer.
    await it.one.settled('l', 20);
    const heir = it.one.lead('l');
    assert.ok(heir);
    next.end(false);
    assert.equal(it.other.lead('l'), null);
    heir.end(false);
  });
}
