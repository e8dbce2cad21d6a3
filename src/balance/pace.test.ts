import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { PaceHead, PaceRefusal, PaceTicket } from '#core/contracts/pace.ts';
import type { Target } from '#core/target.ts';
import { createPoolControl } from './control.ts';
import { createPoolMemory, PoolMemory } from './memory.ts';
import { paceGroup, TargetPace } from './pace.ts';

const runs = process.env['SLUICE_LONG'] ? 2000 : 100;
const target = { provider: { name: 'p' }, model: 'm' } as Target;

/** Two threads that share what is known, at a time that the test sets. */
function create() {
  let nowMs = 1_000_000;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const buffer = createPoolMemory({ workers: 3 });
  createPoolControl(buffer, 2, clock).setMembers(paceGroup, ['p/m']);
  const [one, other] = [0, 1].map((worker) => new TargetPace(new PoolMemory(buffer, worker), clock));
  return { one: one!, other: other!, pass: (ms: number) => void (nowMs += ms) };
}

function taken(result: PaceTicket | PaceRefusal): PaceTicket {
  assert.ok(!result.refused, 'there was to be room');
  return result;
}

function refusedFor(result: PaceTicket | PaceRefusal): number | null {
  assert.ok(result.refused, 'there was to be none');
  return result.retryAfterMs;
}

const head = (remaining: number, resetMs: number, more: Partial<PaceHead> = {}): PaceHead => ({
  status: 200,
  limits: { requests: { limit: 10, remaining, resetMs }, tokens: null },
  retryAfterMs: null,
  ...more,
});

describe('the pace of a target', () => {
  test('until it has answered, four calls, over all threads; then what it says is left', () => {
    const { one, other } = create();
    const tickets = [one, other, one, other].map((thread) => taken(thread.take(target, 5)));
    assert.equal(refusedFor(one.take(target, 5)), null);
    tickets[0]!.heard(head(5, 60_000));
    // Three are under way that the report may not have counted.
    taken(other.take(target, 5));
    taken(one.take(target, 5));
    assert.ok(refusedFor(other.take(target, 5))! > 0);
  });

  test('one that says nothing of limits is not held back, until it refuses', () => {
    const { one, other, pass } = create();
    const silent = { limits: null, retryAfterMs: null };
    taken(one.take(target, 5)).heard({ status: 200, ...silent });
    for (let i = 0; i < 50; i++) taken(other.take(target, 5));
    taken(one.take(target, 5)).heard({ status: 429, limits: null, retryAfterMs: 3000 });
    assert.equal(refusedFor(other.take(target, 5)), 3000);
    pass(3000);
    taken(other.take(target, 5));
  });

  test('what is left grows back evenly, until a refusal says that it does not', () => {
    const { one, pass } = create();
    taken(one.take(target, 1)).heard(head(0, 10_000));
    assert.equal(refusedFor(one.take(target, 1)), 1000);
    pass(1000);
    taken(one.take(target, 1)).heard(head(0, 9000, { status: 429 }));
    assert.equal(refusedFor(one.take(target, 1)), 9000);
    pass(8999);
    assert.ok(refusedFor(one.take(target, 1))! > 0);
    pass(1);
    for (let i = 0; i < 10; i++) taken(one.take(target, 1));
    assert.equal(refusedFor(one.take(target, 1)), null, 'it waits for an answer');
  });

  test('one call at a time finds out whether it grows; then as many as it grows by', () => {
    const { one, other, pass } = create();
    taken(one.take(target, 1)).heard(head(0, 10_000));
    pass(5000);
    const finding = taken(one.take(target, 1));
    assert.equal(refusedFor(other.take(target, 1)), null);
    pass(1);
    finding.heard(head(4, 6000));
    pass(2000);
    // Four that were said to be left, and two that have come back.
    for (let i = 0; i < 6; i++) taken(other.take(target, 1));
    assert.ok(refusedFor(one.take(target, 1))! > 0);
  });

  test('tokens count as well, at the size of the call and of those under way', () => {
    const { one } = create();
    const tokens = { limit: 1000, remaining: 500, resetMs: 60_000 };
    const said = { status: 200, limits: { requests: null, tokens }, retryAfterMs: null };
    taken(one.take(target, 100)).heard(said);
    taken(one.take(target, 300));
    assert.ok(refusedFor(one.take(target, 450))! > 0);
    taken(one.take(target, 350));
    taken(one.take(target, 2000));
  });

  test('who ends without an answer counts no more', () => {
    const { one } = create();
    const tickets = [1, 2, 3, 4].map(() => taken(one.take(target, 1)));
    for (const ticket of tickets) {
      ticket.end();
      ticket.end();
    }
    for (let i = 0; i < 4; i++) taken(one.take(target, 1));
    assert.equal(refusedFor(one.take(target, 1)), null);
  });

  test('whatever the order in which answers come, a provider of so many in a window is asked no more often', () => {
    const step = fc.record({ verb: fc.constantFrom('call', 'call', 'answer'), which: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const { one, other, pass } = create();
        let left = 10;
        const running: { ticket: PaceTicket; said: PaceHead }[] = [];
        steps.forEach(({ verb, which }, i) => {
          pass(1);
          if (verb === 'call') {
            const result = [one, other][i % 2]!.take(target, 1);
            if (result.refused) return;
            assert.ok(left > 0, 'it would have refused');
            left--;
            // As a provider says it whose window is a year.
            running.push({ ticket: result, said: head(left, 3e10) });
          } else if (running.length > 0) {
            const [{ ticket, said }] = running.splice(which % running.length, 1) as [(typeof running)[0]];
            ticket.heard(said);
          }
        });
      }),
      { numRuns: runs, seed: 3 },
    );
  });
});
