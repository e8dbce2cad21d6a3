import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { CacheClaim, CacheName, CacheStore, ClaimResult } from '#core/contracts/cache-store.ts';

const runs = process.env['SLUICE_LONG'] ? 400 : 25;

/** One thread's, or node's, hold on the store under test. */
export interface Holder {
  readonly store: CacheStore;
  /** Ends it without a word. */
  die(): void | Promise<void>;
}

export interface StoreUnderTest {
  holder(): Holder | Promise<Holder>;
  /** Every byte that the store keeps. */
  dump(): Buffer | Promise<Buffer>;
  close(): Promise<void>;
}

const lifetimeMs = 600_000;
let made = 0;
const unique = () => `${++made}-${randomBytes(4).toString('hex')}`;
const named = (project = 'web'): CacheName => ({ project, name: unique() });
const wishOf = (holder: string, more: object = {}) => ({ holder, fingerprint: 'f1', lifetimeMs, ...more });

async function taken(store: CacheStore, name = named(), more: object = {}): Promise<CacheClaim> {
  const holder = unique();
  assert.deepEqual(await store.claim(name, wishOf(holder, more)), { state: 'claimed' });
  return { ...name, holder };
}

async function until(state: ClaimResult['state'], ask: () => Promise<ClaimResult>): Promise<ClaimResult> {
  for (const endMs = Date.now() + 60_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const found = await ask();
    if (found.state === state) return found;
    assert.ok(Date.now() < endMs, `it is still ${found.state}, not ${state}`);
  }
}

/** What every store of answers must do. */
export function conforms(kind: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${kind}: a store of answers`, () => {
    let under: StoreUnderTest;
    let holders: Holder[];
    let one: CacheStore;
    let other: CacheStore;
    before(async () => {
      under = await open();
      holders = [await under.holder(), await under.holder(), await under.holder()];
      [one, other] = holders.map(({ store }) => store) as [CacheStore, CacheStore];
    });
    after(() => under.close());

    test('of many claims at once, over all holders, one gets the name, and the others are told who', async () => {
      const name = named();
      const asked = Array.from({ length: 300 }, (_, i) => `h${i}-${unique()}`);
      const found = await Promise.all(
        asked.map((holder, i) => holders[i % holders.length]!.store.claim(name, wishOf(holder))),
      );
      const winners = asked.filter((_, i) => found[i]!.state === 'claimed');
      assert.equal(winners.length, 1);
      for (const result of found)
        if (result.state !== 'claimed')
          assert.deepEqual(result, { state: 'running', holder: winners[0], same: true });
    });

    test('what was kept is found by everybody, byte for byte, whatever its size', async () => {
      for (const [parts, rest] of [
        [[], 0],
        [[], 1],
        [[65_536], 0],
        [[65_537, 3, 200_000], 17],
        [[1_000_000], 48_576],
      ] as const) {
        const claim = await taken(one);
        assert.equal(await one.begin(claim), true);
        const pieces = [...parts, rest].map((length) => randomBytes(length));
        // All on their way at once.
        await Promise.all(pieces.slice(0, -1).map((piece, i) => one.put(claim, i, piece)));
        assert.equal(await other.get(claim, claim.holder), null, 'nothing is found before the end');
        const about = 'about: “head” \0';
        await one.finish(claim, { about, parts: parts.length, rest: pieces.at(-1)! });
        const found = await other.claim(claim, wishOf(unique()));
        assert.deepEqual(found, { state: 'kept', holder: claim.holder, same: true });
        const entry = await other.get(claim, claim.holder);
        assert.equal(entry?.about, about);
        assert.ok(Buffer.concat(pieces).equals(entry.value));
        assert.equal(await other.get(claim, unique()), null, 'by its own holder alone');
      }
    });

    test('another fingerprint is told apart, in every state', async () => {
      const claim = await taken(one);
      const asked = async () => {
        const found = await other.claim(claim, wishOf(unique(), { fingerprint: 'f2' }));
        assert.ok(found.state !== 'claimed' && !found.same);
        return found.state;
      };
      assert.equal(await asked(), 'running');
      await one.begin(claim);
      assert.equal(await asked(), 'running');
      await one.finish(claim, { about: '', parts: 0, rest: Buffer.from('x') });
      assert.equal(await asked(), 'kept');
    });

    test('a project never meets the names of another', async () => {
      const mine = named('web');
      const claim = await taken(one, mine);
      await one.finish(claim, { about: 'mine', parts: 0, rest: Buffer.from('secret') });
      const theirs = { project: 'shop', name: mine.name };
      assert.equal(await other.get(theirs, claim.holder), null);
      assert.deepEqual(await other.claim(theirs, wishOf(unique())), { state: 'claimed' });
      // Nor by a name that would spell both.
      const spelt = { project: 'we', name: `b${mine.name}` };
      assert.equal(await other.get(spelt, claim.holder), null);
    });

    test('a claim that was given up is free, or lost, and not found', async () => {
      const claim = await taken(one);
      await one.begin(claim);
      await one.put(claim, 0, Buffer.from('part'));
      await one.release(claim, 'free');
      const again = await taken(other, claim);
      await other.begin(again);
      await other.release(again, 'lost');
      assert.deepEqual(await one.claim(claim, wishOf(unique())), {
        state: 'lost',
        holder: again.holder,
        same: true,
      });
      assert.equal(await one.get(claim, again.holder), null);
    });

    test('that something was made can be known, and nothing of it kept', async () => {
      const claim = await taken(one);
      await one.begin(claim);
      await one.put(claim, 0, randomBytes(1000));
      await one.finish(claim, null);
      assert.equal((await other.claim(claim, wishOf(unique()))).state, 'passed');
      assert.equal(await other.get(claim, claim.holder), null);
    });

    test('who has lost his claim changes nothing any more', async () => {
      const claim = await taken(one);
      await one.release(claim, 'free');
      const next = await taken(other, claim);
      assert.equal(await one.begin(claim), false);
      await one.put(claim, 0, Buffer.from('old'));
      await one.finish(claim, { about: 'old', parts: 1, rest: Buffer.from('old') });
      await one.release(claim, 'free');
      await one.release(claim, 'lost');
      assert.equal(await other.begin(next), true);
      await other.finish(next, { about: 'new', parts: 0, rest: Buffer.from('new') });
      assert.equal((await one.get(claim, next.holder))?.value.toString(), 'new');
      await one.release(claim, 'free');
      await other.release(next, 'free');
      assert.equal((await one.claim(claim, wishOf(unique()))).state, 'kept', 'what is kept is not given up');
    });

    test('nothing outlives its lifetime but a claim whose holder is at it', async () => {
      const short = { lifetimeMs: 1_000 };
      const running = await taken(one, named(), short);
      await one.begin(running);
      const [kept, lost, passed] = await Promise.all([1, 2, 3].map(() => taken(one, named(), short)));
      await one.finish(kept!, { about: 'x', parts: 0, rest: Buffer.from('x') });
      await one.begin(lost!);
      await one.release(lost!, 'lost');
      await one.finish(passed!, null);
      for (const claim of [kept!, lost!, passed!])
        await until('claimed', () => other.claim(claim, wishOf(unique(), short)));
      assert.equal(await other.get(kept!, kept!.holder), null);
      assert.equal((await other.claim(running, wishOf(unique()))).state, 'running');
      await one.finish(running, null);
    });

    test('a holder that dies leaves free what it had not begun, and lost what it had', async () => {
      const dying = await under.holder();
      const claimed = await taken(dying.store);
      const begun = await taken(dying.store);
      await dying.store.begin(begun);
      await dying.store.put(begun, 0, Buffer.from('half'));
      const done = await taken(dying.store);
      await dying.store.finish(done, { about: 'done', parts: 0, rest: Buffer.from('done') });
      await dying.die();
      await until('claimed', () => other.claim(claimed, wishOf(unique())));
      const found = await until('lost', () => other.claim(begun, wishOf(unique())));
      assert.equal(found.state !== 'claimed' && found.holder, begun.holder);
      assert.equal((await other.get(done, done.holder))?.about, 'done');
    });

    test('nothing of names, projects and values can be read in what is stored', async () => {
      const name = { project: 'project-in-clear', name: 'name-in-clear' };
      const claim = await taken(one, name, { fingerprint: 'fingerprint-in-clear' });
      await one.begin(claim);
      await one.put(claim, 0, Buffer.from('part-in-clear '.repeat(50)));
      await one.finish(claim, { about: 'about-in-clear', parts: 1, rest: Buffer.from('rest-in-clear') });
      const stored = await under.dump();
      assert.ok(stored.includes(claim.holder), 'the dump is one of the store');
      assert.ok(!stored.includes('-in-clear'));
    });

    test('any history is one of the model', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
          await follow(steps, [one, other]);
        }),
        { numRuns: runs, seed: 24 },
      );
    });
  });
}

const step = fc.record({
  verb: fc.constantFrom('claim', 'claim', 'begin', 'put', 'finish', 'pass', 'free', 'lose', 'get'),
  name: fc.nat(1),
  /** Which of the name's claims so far, from the last. */
  back: fc.nat(1),
  by: fc.nat(1),
  fingerprint: fc.constantFrom('f1', 'f2'),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface ModelEntry {
  readonly holder: string;
  readonly fingerprint: string;
  state: 'claimed' | 'begun' | 'lost' | 'passed' | 'kept';
  parts: number;
}

/** Does the same to the store and to a map, and compares what they say. */
async function follow(steps: readonly Step[], stores: readonly CacheStore[]): Promise<void> {
  const names = [named('a'), named('b')];
  const model = new Map<CacheName, ModelEntry>();
  const claims = new Map<CacheName, string[]>(names.map((name) => [name, []]));
  for (const { verb, name: which, back, by, fingerprint } of steps) {
    const name = names[which]!;
    const store = stores[by]!;
    const entry = model.get(name);
    const isRunning = entry?.state === 'claimed' || entry?.state === 'begun';
    if (verb === 'claim') {
      const holder = unique();
      const expected: ClaimResult = entry
        ? {
            state: isRunning ? 'running' : (entry.state as 'kept'),
            holder: entry.holder,
            same: entry.fingerprint === fingerprint,
          }
        : { state: 'claimed' };
      assert.deepEqual(await store.claim(name, { holder, fingerprint, lifetimeMs }), expected);
      if (!entry) model.set(name, { holder, fingerprint, state: 'claimed', parts: 0 });
      if (!entry) claims.get(name)!.push(holder);
      continue;
    }
    const holder = claims.get(name)!.at(-1 - back) ?? 'nobody';
    const claim = { ...name, holder };
    const isHis = isRunning && entry.holder === holder;
    switch (verb) {
      case 'begin':
        assert.equal(await store.begin(claim), isHis);
        if (isHis) entry.state = 'begun';
        break;
      case 'put':
        await store.put(claim, isHis ? entry.parts : 0, Buffer.from(holder));
        if (isHis) entry.parts++;
        break;
      case 'finish':
        await store.finish(claim, { about: holder, parts: isHis ? entry.parts : 0, rest: Buffer.from('.') });
        if (isHis) entry.state = 'kept';
        break;
      case 'pass':
        await store.finish(claim, null);
        if (isHis) entry.state = 'passed';
        break;
      case 'free':
        await store.release(claim, 'free');
        if (isHis) model.delete(name);
        break;
      case 'lose':
        await store.release(claim, 'lost');
        if (isHis) entry.state = 'lost';
        break;
      default: {
        const kept = entry?.state === 'kept' && entry.holder === holder ? entry : null;
        const found = await store.get(name, holder);
        assert.equal(found?.value.toString(), kept ? `${holder.repeat(kept.parts)}.` : undefined);
      }
    }
  }
}
