/** What providers keep, on record of one machine or of many nodes: the same contract, and the same tests. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { Keeper, KeptThing, Obligation } from '#core/contracts/keeper.ts';
import { connectKeeper } from '#storage/embedded/keeper/connect-keeper.ts';
import { openKeeperService, type KeeperPlace } from '#storage/embedded/keeper/keeper-service.ts';
import { startPostgres, type TestPostgres } from '../../harness/postgres.ts';

const thing = (id: string, more: Partial<KeptThing> = {}): KeptThing => ({
  id,
  kind: 'file',
  provider: 'p',
  owner: 'web',
  exchange: 'x',
  createdAtMs: 1_700_000_000_000,
  expiresAtMs: null,
  document: `{"id":"${id}","text":"\\u0000 \\ud83d\\ude00"}`,
  madeBy: null,
  ...more,
});

const obligation = (receipt: string, of = 'resp_1'): Obligation => ({
  receipt,
  thing: of,
  provider: 'p',
  dialect: 'chat',
  route: 'llm',
  subjects: { key: 'k', project: 'web', team: 'red' },
  requestedModel: 'm',
  model: 'm-1',
  beganAtMs: 5,
});

let postgres: TestPostgres;
before(async () => void (postgres = await startPostgres()));
after(() => postgres.stop());

const kinds = {
  SQLite: async (folder: string): Promise<KeeperPlace> => ({ path: join(folder, 'kept.db'), postgres: null }),
  PostgreSQL: async (): Promise<KeeperPlace> => ({
    path: '',
    postgres: { url: await postgres.createDatabase(), connectTimeoutMs: 5_000, tls: null },
  }),
};

for (const [name, placeIn] of Object.entries(kinds)) {
  describe(name, () => {
    /** Two keepers of one record: threads of a process, or of two nodes. */
    async function open(t: { after(hook: () => Promise<void>): void }): Promise<[Keeper, Keeper]> {
      const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
      const place = await placeIn(folder);
      const services = [openKeeperService(place)];
      services.push(place.postgres ? openKeeperService(place) : services[0]!);
      t.after(async () => {
        await Promise.all(services.map((service) => service.close()));
        rmSync(folder, { recursive: true, force: true });
      });
      return services.map((service) => connectKeeper(service.openPort())) as [Keeper, Keeper];
    }

    test('what one notes the other finds, and a thing that is somebody’s stays theirs', async (t) => {
      const [one, two] = await open(t);
      await one.note([
        thing('a'),
        thing('b', { kind: 'batch', expiresAtMs: 4_000_000_000_000, document: null, madeBy: 'c' }),
      ]);
      assert.deepEqual(await two.find('web', ['b', 'a', 'none']), [
        thing('b', { kind: 'batch', expiresAtMs: 4_000_000_000_000, document: null, madeBy: 'c' }),
        thing('a'),
      ]);
      await two.note([thing('a', { owner: 'thief' })]);
      assert.deepEqual(await one.find('thief', ['a']), []);
      await two.note([thing('a', { provider: 'q' })]);
      assert.deepEqual(
        (await one.find('web', ['a'])).map(({ provider }) => provider),
        ['q', 'p'],
      );
      await one.forget({ id: 'a', provider: 'p', owner: 'thief' });
      await one.forget({ id: 'a', provider: 'q', owner: 'web' });
      assert.deepEqual(await two.find('web', ['a']), [thing('a')]);
    });

    test('only its owner changes what is said of a thing, and only of one that lists show', async (t) => {
      const [one, two] = await open(t);
      await one.note([thing('a'), thing('b', { document: null })]);
      await one.describe({ id: 'a', provider: 'p', owner: 'other' }, '{}');
      await one.describe({ id: 'b', provider: 'p', owner: 'web' }, '{}');
      assert.deepEqual(await two.find('web', ['a', 'b']), [thing('a'), thing('b', { document: null })]);
      await one.describe({ id: 'a', provider: 'p', owner: 'web' }, '{"now":1}');
      assert.equal((await two.find('web', ['a']))[0]!.document, '{"now":1}');
    });

    test('lists are pages of the owner’s, in the order of noting', async (t) => {
      const [one, two] = await open(t);
      const ids = Array.from({ length: 7 }, (_, n) => `f${n}`);
      await one.note(ids.map((id) => thing(id)));
      await one.note([thing('other', { owner: 'x' }), thing('kind', { kind: 'batch' })]);
      for (const order of ['asc', 'desc'] as const) {
        const seen: string[] = [];
        for (let after: string | null = null; ;) {
          const page: readonly KeptThing[] = await two.list({
            owner: 'web',
            kind: 'file',
            after,
            order,
            limit: 3,
          });
          seen.push(...page.map(({ id }) => id));
          if (page.length < 3) break;
          after = seen.at(-1)!;
        }
        assert.deepEqual(seen, order === 'asc' ? ids : ids.toReversed());
      }
      const stranger = { owner: 'web', kind: 'file', after: 'other', order: 'asc', limit: 3 } as const;
      assert.deepEqual(await one.list(stranger), []);
    });

    test('each obligation is given to one of many who ask at once, and again when its lease has ended', async (t) => {
      const [one, two] = await open(t);
      for (let n = 0; n < 40; n++) await one.owe(obligation(`r${n}`, n === 7 ? 'resp_7' : 'resp_1'), n);
      await assert.rejects(one.owe(obligation('r1'), 1));
      const given = await Promise.all(
        Array.from({ length: 6 }, (_, n) => (n % 2 ? one : two).due(100, 1_000)),
      );
      const receipts = given.flatMap(({ due }) => due.map((each) => each.obligation.receipt));
      assert.equal(new Set(receipts).size, receipts.length);
      while (receipts.length < 40)
        receipts.push(...(await one.due(100, 1_000)).due.map((each) => each.obligation.receipt));
      assert.deepEqual(await one.due(100, 1_000), { due: [], open: 40 });
      await one.settled('r0');
      await one.postpone('r1', 50_000);
      const [again] = (await two.due(2_000, 1_000, 'resp_7')).due;
      assert.deepEqual(again, { obligation: obligation('r7', 'resp_7'), tries: 1 });
      const later: string[] = [];
      for (let n = 0; n < 4; n++)
        later.push(...(await two.due(2_000, 1_000)).due.map((each) => each.obligation.receipt));
      assert.equal(later.length, 37);
      assert.ok(!later.includes('r0') && !later.includes('r1') && !later.includes('r7'));
      assert.equal((await one.due(3_500, 1)).open, 39);
    });

    test('whatever is noted, found and forgotten, it is as a list of things would be', async (t) => {
      const [one, two] = await open(t);
      const named = fc.record({
        id: fc.constantFrom('a', 'b', 'c'),
        provider: fc.constantFrom('p', 'q'),
        owner: fc.constantFrom('web', 'app'),
      });
      const step = fc.oneof(
        fc.record({
          act: fc.constant('note' as const),
          things: fc.array(named, { minLength: 1, maxLength: 3 }),
        }),
        fc.record({
          act: fc.constant('forget' as const),
          things: fc.array(named, { minLength: 1, maxLength: 1 }),
        }),
      );
      let round = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 10 }), async (steps) => {
          const prefix = `${(round += 1)}-`;
          let model: KeptThing[] = [];
          for (const [at, { act, things }] of steps.entries()) {
            const whole = things.map((each) => thing(prefix + each.id, { ...each, id: prefix + each.id }));
            if (act === 'forget') {
              await (at % 2 ? one : two).forget(whole[0]!);
              model = model.filter(
                ({ id, provider, owner }) =>
                  id !== whole[0]!.id || provider !== whole[0]!.provider || owner !== whole[0]!.owner,
              );
              continue;
            }
            await (at % 2 ? one : two).note(whole);
            for (const each of whole)
              if (!model.some(({ id, provider }) => id === each.id && provider === each.provider))
                model.push(each);
          }
          for (const owner of ['web', 'app']) {
            for (const id of ['a', 'b', 'c']) {
              const wanted = model
                .filter((each) => each.owner === owner && each.id === prefix + id)
                .toReversed();
              assert.deepEqual(await one.find(owner, [prefix + id]), wanted);
            }
          }
        }),
        { numRuns: process.env['SLUICE_LONG'] ? 300 : 15 },
      );
    });
  });
}

test('PostgreSQL away: whoever asks is told, and it goes on when it is back', async (t) => {
  const place = await kinds.PostgreSQL();
  const service = openKeeperService(place);
  t.after(() => service.close());
  const keeper = connectKeeper(service.openPort());
  await keeper.note([thing('a')]);
  await postgres.kill();
  await assert.rejects(keeper.find('web', ['a']), /PostgreSQL at 127\.0\.0\.1:\d+\/sluice_\d+: /);
  await postgres.restart();
  for (const until = Date.now() + 20_000; ;) {
    const found = await keeper.find('web', ['a']).catch(() => null);
    if (found?.length === 1) break;
    assert.ok(Date.now() < until);
  }
});
