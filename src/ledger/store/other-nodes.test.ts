import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openJournal } from '../journal/open-journal.ts';
import { fixture, segmentsIn, type Fixture } from '../testing/fixture.ts';
import { recorded, sampleId, sampleIntent, sampleReceipt } from '../testing/samples.ts';
import { onEachStore } from '../testing/stores.ts';
import { startLedger } from './start-ledger.ts';

/** The journal of a node that sends it: each segment once it is sealed, as often as is wished. */
function sender(context: TestContext, { directory, ledger }: Fixture, node: string) {
  const journalDirectory = join(directory, `journal-${node}`);
  const received = join(directory, `received-${node}`);
  for (const folder of [journalDirectory, received]) mkdirSync(folder);
  const journal = openJournal({
    ...{ directory: journalDirectory, worker: 0, incarnation: 'run1' },
    onSealed: () => undefined,
  });
  context.after(() => journal.close());
  return {
    journal,
    /** Sends what was written since, and says under which names. */
    async send(to = ledger, times = 1): Promise<string[]> {
      journal.seal();
      const names = readdirSync(journalDirectory).filter((name) => name.endsWith('.sealed'));
      for (const name of names.sort()) {
        for (let i = 0; i < times; i++) {
          copyFileSync(join(journalDirectory, name), join(received, name));
          await to.receive(node, join(received, name));
          assert.ok(!existsSync(join(received, name)), 'what is on the books is deleted');
        }
      }
      return names;
    },
  };
}

onEachStore(
  'segments of other nodes go on the books once, under names that nodes share',
  async (context, store) => {
    const own = await fixture(context, store);
    const [a, b] = [sender(context, own, 'a'), sender(context, own, 'b')];
    await recorded(own.journal, { receipt: sampleReceipt(sampleId(1)) });
    await recorded(a.journal, { receipt: sampleReceipt(sampleId(2)) });
    await recorded(b.journal, { receipt: sampleReceipt(sampleId(3)) });
    own.journal.seal();
    const names = [await a.send(own.ledger, 3), await b.send(own.ledger, 2)];
    assert.deepEqual(names[0], names[1], 'both call theirs the same');
    await recorded(a.journal, { receipt: sampleReceipt(sampleId(4)) });
    // All of it again, the last one new.
    await a.send();
    await own.ledger.flush();
    assert.equal((await own.ledger.usage({ groupBy: [] }))[0]!.requests, 4);
    assert.deepEqual((await own.ledger.verify()).findings, []);
    assert.deepEqual(segmentsIn(own.directory), []);
  },
);

onEachStore(
  "another node's open exchanges are settled by its word, and by nobody's start",
  async (context, store) => {
    const own = await fixture(context, store);
    const [a, b] = [sender(context, own, 'a'), sender(context, own, 'b')];
    await recorded(a.journal, { intent: sampleIntent(sampleId(1)) });
    await recorded(a.journal, { intent: sampleIntent(sampleId(2)) });
    await recorded(b.journal, { intent: sampleIntent(sampleId(3)) });
    await a.send();
    await b.send();
    // This process starts anew meanwhile, and gives up its own only.
    await own.ledger.close();
    const ledger = await startLedger({ ...own.place, onError: () => undefined });
    context.after(() => ledger.close());
    assert.equal((await ledger.recover()).crashed, 0);
    await recorded(a.journal, { receipt: sampleReceipt(sampleId(1)) });
    await a.send(ledger);
    assert.equal((await ledger.receipt(sampleId(1)))?.outcome, 'completed');
    assert.equal((await ledger.giveUp('a', { worker: 0, incarnation: 'run0' })).crashed, 0);
    assert.equal((await ledger.giveUp('a', { worker: 0, incarnation: 'run1' })).crashed, 1);
    assert.equal((await ledger.giveUp('a', { worker: 0, incarnation: 'run1' })).crashed, 0);
    assert.equal((await ledger.receipt(sampleId(2)))?.outcome, 'gateway_crash');
    assert.equal(await ledger.receipt(sampleId(3)), null, "the other's goes on");
    assert.equal((await ledger.giveUp('b', null)).crashed, 1);
    assert.equal((await ledger.receipt(sampleId(3)))?.outcome, 'gateway_crash');
    assert.deepEqual((await ledger.verify()).findings, []);
  },
);
