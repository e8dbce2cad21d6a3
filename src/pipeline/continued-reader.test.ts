import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { advance, newStreamState, type AnswerEvent } from '#core/answer.ts';
import type { EventReader } from '#core/contracts/dialect.ts';
import { ContinuedReader, overlapOf } from './continued-reader.ts';

const runs = process.env['SLUICE_LONG'] ? 5000 : 300;

/** A reader whose events are given as they are. */
const inner: EventReader = {
  read: ({ data }) => [JSON.parse(data) as AnswerEvent],
  finish: () => [],
};

function heard(said: string, pieces: readonly string[]): string {
  const state = newStreamState();
  advance(state, { type: 'start', id: 'i', model: 'm', createdAtS: null });
  advance(state, { type: 'block-start', choice: 0, block: 3, kind: 'text' });
  const reader = new ContinuedReader(inner, { state, said, usage: null });
  const events: AnswerEvent[] = [
    { type: 'start', id: 'j', model: 'n', createdAtS: null },
    { type: 'block-start', choice: 0, block: 0, kind: 'reasoning' },
    { type: 'delta', choice: 0, block: 0, text: 'hm' },
    { type: 'block-stop', choice: 0, block: 0 },
    { type: 'block-start', choice: 0, block: 1, kind: 'text' },
    ...pieces.map((text): AnswerEvent => ({ type: 'delta', choice: 0, block: 1, text })),
    { type: 'block-stop', choice: 0, block: 1 },
    { type: 'finish', choice: 0, reason: 'stop' },
    { type: 'end' },
  ];
  const came = events.flatMap((event) => reader.read({ name: '', data: JSON.stringify(event) }));
  // Nothing begins anew, and all text belongs to the block that is open.
  assert.ok(came.every((event) => event.type !== 'start' && event.type !== 'block-start'));
  return came
    .map((event) => {
      if (event.type !== 'delta') return '';
      assert.equal(event.block, 3);
      return event.text;
    })
    .join('');
}

const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' ', 'é', '水'), maxLength: 40 });

describe('the rest of an answer', () => {
  test('is what the next target says, without what it repeats, however it comes in pieces', () =>
    fc.assert(
      fc.property(
        text,
        text,
        fc.nat(60),
        fc.array(fc.nat(80), { maxLength: 6 }),
        (said, rest, share, cuts) => {
          const repeated = said.slice(Math.max(0, said.length - share));
          const whole = repeated + rest;
          const at = [
            0,
            ...cuts.map((cut) => Math.min(cut, whole.length)).sort((a, b) => a - b),
            whole.length,
          ];
          const pieces = at.slice(1).map((end, i) => whole.slice(at[i], end));
          assert.equal(heard(said, pieces), whole.slice(overlapOf(said, whole)));
          if (repeated.length >= 12) assert.ok(overlapOf(said, whole) >= repeated.length);
        },
      ),
      { numRuns: runs, seed: 17 },
    ));

  test('few letters in common are chance', () => {
    assert.equal(overlapOf('and then', ' then came'), 0);
    assert.equal(overlapOf('once upon a time', 'upon a time there'), 0);
    assert.equal(overlapOf('it was once upon a time', 'once upon a time there'), 16);
  });
});
