import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { TokenCounter } from '#core/contracts/token-counter.ts';
import { chatDialects as dialects } from '#dialects/index.ts';
import { countText } from '#ledger/tokens/count-text.ts';
import { allowanceOf, answerOf, payFor, understood, wireOf } from './paid-stream.ts';

const runs = process.env['SLUICE_LONG'] ? 300 : 25;
/** Beside one event: what cutting a text apart for counting may make of it. */
const slack = 5;

/** Counts as the gateway's own does, a little later. */
const counter: TokenCounter = {
  count: async (texts) => {
    await new Promise((resolve) => setImmediate(resolve));
    return { tokens: texts.map(countText), counted: true };
  },
};

const word = fc.constantFrom(
  ...['the', ' quick', ' brown', ' fox', ', ', '.\n\n', ' extraordinarily', ' 12', '34567', ' = ', '{"a":'],
  ...['水', '大きな', '我们明天去北京', 'Größe', ' naïve', '😀', '👩‍👩‍👧', '"', '\\', '\t', '    '],
);
const run = fc
  .tuple(fc.constantFrom('a', 'A', '1', '水', '😀', ' ', '\n', '-'), fc.integer({ min: 1, max: 400 }))
  .map(([letter, length]) => letter.repeat(length));
const pieces = fc.array(fc.oneof({ weight: 12, arbitrary: word }, { weight: 1, arbitrary: run }), {
  minLength: 1,
  maxLength: 300,
  size: 'max',
});
const leases = fc.array(fc.integer({ min: 1, max: 120 }), { maxLength: 8 });
const cutsAt = fc.array(fc.nat(), { maxLength: 10 });

const split = (bytes: Buffer, at: readonly number[]): Buffer[] => {
  const ends = [...at.map((cut) => cut % bytes.length).sort((a, b) => a - b), bytes.length];
  return ends
    .map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end))
    .filter(({ length }) => length > 0);
};

/** What was delivered before the event that was the last. */
function withoutLast(said: readonly string[], delivered: number): string {
  let text = '';
  for (const piece of said) {
    if (text.length + piece.length >= delivered) return text;
    text += piece;
  }
  return text;
}

for (const from of dialects) {
  for (const to of dialects) {
    describe(`${from.name} → ${to.name}`, () => {
      test('delivered is what is paid for, in whole events and in their order', () =>
        fc.assert(
          fc.asyncProperty(
            pieces,
            cutsAt,
            fc.tuple(fc.integer({ min: 1, max: 200 }), leases, fc.boolean()),
            async (said, at, [first, more, isLate]) => {
              const allowance = allowanceOf(first, more, { isLate });
              const chunks = split(wireOf(from, answerOf(said)), at);
              const { shown, isCut } = await payFor({ from, to, chunks, allowance, tokens: counter });
              const heard = understood(to, shown);
              const whole = said.join('');
              assert.ok(whole.startsWith(heard.said));
              assert.ok(heard.state.finished.has(0) && heard.state.open.length === 0);
              assert.equal(heard.state.finish?.reason, isCut ? 'length' : 'stop');
              if (!isCut) return assert.equal(heard.said, whole);
              const delivered = countText(heard.said);
              const paid = allowance.outputTokens;
              const before = countText(withoutLast(said, heard.said.length));
              assert.ok(
                before <= paid + slack,
                `${before} delivered before the last event, ${paid} paid for`,
              );
              // Nor does it end before what is paid for has been delivered.
              assert.ok(delivered + slack >= paid, `${delivered} delivered, ${paid} paid for`);
              assert.ok(
                paid === first + more.reduce((sum, lease) => sum + lease, 0),
                'there was more to lease',
              );
            },
          ),
          { numRuns: runs, seed: 5 },
        ));
    });
  }
}

describe('openai-chat', () => {
  const chat = dialects[0]!;
  const words = Array.from({ length: 2000 }, (_, i) => ` word${i % 7}`);
  const bytes = wireOf(chat, answerOf(words));

  test('with money the stream never waits: leases are asked for ahead, and nothing is counted on the way', async () => {
    let counts = 0;
    const allowance = allowanceOf(100_000, []);
    const { isCut, pauses } = await payFor({
      from: chat,
      to: chat,
      chunks: [bytes],
      allowance,
      tokens: {
        count: (texts) => {
          counts++;
          return counter.count(texts);
        },
      },
    });
    assert.deepEqual([isCut, pauses, counts, allowance.asked], [false, 0, 0, []]);
  });

  test('where nobody can count, no token is taken for less than a byte', async () => {
    const allowance = allowanceOf(1000, []);
    const { shown, isCut } = await payFor({
      from: chat,
      to: chat,
      chunks: [bytes],
      allowance,
      tokens: { count: (texts) => Promise.resolve({ tokens: texts.map(() => 1), counted: false }) },
    });
    assert.equal(isCut, true);
    const { length } = understood(chat, shown).said;
    assert.ok(length > 1000 && length <= 1000 + 6, `${length}`);
  });
});
