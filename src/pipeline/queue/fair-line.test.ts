import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FairLine, type Standing } from './fair-line.ts';

const runs = process.env['SLUICE_LONG'] ? 3000 : 150;

interface Entry extends Standing {
  readonly number: number;
}

const entry = (flow: string, more: Partial<Entry> = {}): Entry => ({
  flow,
  weight: 1,
  level: 5,
  cost: 1,
  number: 0,
  ...more,
});

function serve(line: FairLine<Entry>, count: number): Entry[] {
  return Array.from({ length: count }, () => {
    const head = line.head()!;
    assert.equal(line.head(), head, 'the same until it is served');
    assert.ok(line.remove(head, 'served'));
    return head;
  });
}

describe('a fair line', () => {
  test('who has many waiting does not keep others from their turn', () => {
    const line = new FairLine<Entry>();
    for (let i = 0; i < 100; i++) line.add(entry('many', { number: i }));
    line.add(entry('one'));
    line.add(entry('other'));
    const served = serve(line, 4).map(({ flow }) => flow);
    assert.deepEqual(served.toSorted(), ['many', 'many', 'one', 'other']);
    assert.deepEqual(
      serve(line, 98).map(({ number }) => number),
      Array.from({ length: 98 }, (_, i) => i + 2),
    );
    assert.equal(line.head(), null);
  });

  test('of two levels the higher one is served first, also when it comes later', () => {
    const line = new FairLine<Entry>();
    line.add(entry('a', { level: 3 }));
    assert.equal(line.head()!.level, 3);
    line.add(entry('b', { level: 7 }));
    assert.deepEqual(
      serve(line, 2).map(({ level }) => level),
      [7, 3],
    );
  });

  test('who leaves is passed over, and pays nothing', () => {
    const line = new FairLine<Entry>();
    const gone = entry('a', { cost: 1000 });
    line.add(gone);
    assert.equal(line.head(), gone);
    assert.ok(line.remove(gone, 'left'));
    assert.ok(!line.remove(gone, 'left'));
    assert.equal(line.head(), null);
    line.add(entry('a'));
    assert.equal(serve(line, 1).length, 1);
  });

  test('served in proportion to weights, to within an entry, whatever entries take', () => {
    const flows = fc.array(
      fc.record({
        weight: fc.integer({ min: 1, max: 20 }),
        costs: fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1 }),
      }),
      { minLength: 2, maxLength: 6 },
    );
    fc.assert(
      fc.property(flows, fc.integer({ min: 1, max: 300 }), (weighted, count) => {
        const line = new FairLine<Entry>();
        // Each always has something waiting.
        const add = (i: number, n: number) =>
          line.add(
            entry(String(i), {
              weight: weighted[i]!.weight,
              cost: weighted[i]!.costs[n % weighted[i]!.costs.length]!,
              number: n,
            }),
          );
        weighted.forEach((_, i) => (add(i, 0), add(i, 1)));
        const next = weighted.map(() => 2);
        const used = weighted.map(() => 0);
        for (let i = 0; i < count; i++) {
          const [head] = serve(line, 1);
          const flow = Number(head!.flow);
          assert.equal(head!.number, next[flow]! - 2, 'in their order');
          used[flow]! += head!.cost;
          add(flow, next[flow]!++);
        }
        const shares = used.map((units, i) => units / weighted[i]!.weight);
        // Each flow may be ahead by a quantum and an entry.
        const slack = weighted.map(({ weight, costs }) => 1 + (weight + Math.max(...costs)) / weight);
        for (let i = 0; i < shares.length; i++)
          for (let j = 0; j < shares.length; j++)
            assert.ok(
              shares[i]! - shares[j]! <= slack[i]! + slack[j]!,
              `${i} ${shares[i]} ${j} ${shares[j]}`,
            );
      }),
      { numRuns: runs, seed: 7 },
    );
  });

  test('any history: what was added and did not leave is served, each once', () => {
    const step = fc.record({
      verb: fc.constantFrom('add', 'add', 'serve', 'leave'),
      flow: fc.constantFrom('a', 'b', 'c'),
      level: fc.constantFrom(1, 5),
      cost: fc.integer({ min: 1, max: 50 }),
      which: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const line = new FairLine<Entry>();
        const waiting: Entry[] = [];
        steps.forEach(({ verb, flow, level, cost, which }, number) => {
          if (verb === 'add') {
            const added = entry(flow, { level, cost, number });
            waiting.push(added);
            line.add(added);
          } else if (waiting.length > 0) {
            const removed = verb === 'serve' ? line.head()! : waiting[which % waiting.length]!;
            assert.equal(removed.level >= 1 && waiting.includes(removed), true);
            if (verb === 'serve') assert.equal(removed.level, Math.max(...waiting.map((one) => one.level)));
            assert.ok(line.remove(removed, verb === 'serve' ? 'served' : 'left'));
            waiting.splice(waiting.indexOf(removed), 1);
          }
          assert.equal(line.size, waiting.length);
          assert.equal(line.head() === null, waiting.length === 0);
        });
      }),
      { numRuns: runs, seed: 8 },
    );
  });
});
