import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newStreamState } from '#core/answer.ts';
import type { TokenCounter } from '#core/contracts/token-counter.ts';
import { outputLine, type Usage } from '#core/usage.ts';
import { OutputCount } from './output-count.ts';
import { Tally } from './tally.ts';

/** Two characters a token. */
const byTwo: TokenCounter = {
  count: (texts) =>
    Promise.resolve({ tokens: texts.map(({ length }) => Math.ceil(length / 2)), counted: true }),
};

function open(perCounted = 1) {
  const stream = { tally: new Tally(), state: newStreamState(), usage: null as Usage | null };
  const count = new OutputCount(stream, perCounted);
  const report = (tokens: number): void => {
    stream.usage = { lines: [outputLine(tokens)], source: 'provider', raw: null, flags: [] };
    count.hear();
  };
  const call = (): void => {
    stream.state.begun.push({ type: 'block-start', choice: 0, block: 0, kind: 'tool-call' });
    count.hear();
  };
  return { stream, count, report, call };
}

test('bytes are a bound until they are counted', async () => {
  const { stream, count } = open();
  stream.tally.add('ä'.repeat(40));
  assert.deepEqual([count.bound, count.estimate], [80, 20]);
  const counting = count.count(byTwo);
  stream.tally.add('abcd');
  await counting;
  assert.deepEqual([count.bound, count.estimate, count.uncountedBytes], [24, 21, 4]);
});

test('text of both sorts is counted in its order, and a word that goes on with what follows', async () => {
  const texts: string[] = [];
  const { stream, count } = open();
  const noting: TokenCounter = {
    count(given) {
      texts.push(...given);
      return byTwo.count(given);
    },
  };
  stream.tally.add('Say "no" to wor');
  const escaped = Buffer.from('ld\\n\\ud83d');
  stream.tally.addEscaped(escaped, 0, escaped.length);
  await count.count(noting);
  assert.deepEqual(texts, ['Say "no" to', ' world\n\ud83d']);
  const rest = Buffer.from('\\ude00');
  stream.tally.addEscaped(rest, 0, rest.length);
  await count.count(noting);
  assert.deepEqual(texts.slice(2), [' world\n😀']);
  assert.equal(count.bound, Math.ceil(11 / 2) + Math.ceil(9 / 2));
});

test("a model's own tokens may be smaller, but none is less than a byte", async () => {
  const { stream, count } = open(1.5);
  stream.tally.add('abcdefgh');
  await count.count(byTwo);
  assert.equal(count.bound, 6);
  const denser = open(9);
  denser.stream.tally.add('abcdefgh');
  await denser.count.count(byTwo);
  assert.equal(denser.count.bound, 8);
});

test('a figure that grows is as good as a count; one that stands still is none', () => {
  const { stream, count, report } = open();
  stream.tally.add('x'.repeat(100));
  report(30);
  assert.deepEqual([count.bound, count.uncountedBytes], [30, 0]);
  stream.tally.add('x'.repeat(10));
  report(30);
  assert.equal(count.bound, 40);
  report(35);
  assert.equal(count.bound, 35);
});

test('a figure that comes before anything is shown stands until more is known to have come', () => {
  const { stream, count, report } = open();
  report(500);
  assert.deepEqual([count.bound, count.estimate], [500, 500]);
  stream.tally.add('x'.repeat(10));
  assert.equal(count.bound, 500);
  report(510);
  assert.equal(count.bound, 510);
});

test('a figure that comes while the text before it is counted counts', async () => {
  const { stream, count, report } = open();
  stream.tally.add('x'.repeat(100));
  const counting = count.count(byTwo);
  stream.tally.add('x');
  report(7);
  await counting;
  assert.equal(count.bound, 7);
});

test('a call of a tool takes more than its text', async () => {
  const { stream, count, call } = open();
  call();
  stream.tally.add('abcd');
  assert.equal(count.bound, 16);
  await count.count(byTwo);
  assert.equal(count.bound, 14);
  await count.count(byTwo);
  call();
  assert.equal(count.bound, 26);
});

test('what nobody could count is taken by its bytes', async () => {
  const { stream, count } = open();
  let asked = 0;
  const never: TokenCounter = {
    count(texts) {
      asked++;
      return Promise.resolve({ tokens: texts.map(() => 1), counted: false });
    },
  };
  stream.tally.add('abcdefgh');
  await count.count(never);
  assert.deepEqual([count.bound, count.uncountedBytes, asked], [8, 0, 2]);
  stream.tally.add('abcd');
  await count.count(byTwo);
  assert.equal(count.bound, 10);
});

test('much text is counted piece by piece', async () => {
  const { stream, count } = open();
  const longest: number[] = [];
  stream.tally.add('x'.repeat(200_000));
  await count.count({
    count(texts) {
      longest.push(...texts.map(({ length }) => length));
      return byTwo.count(texts);
    },
  });
  assert.equal(count.bound, 100_000);
  assert.ok(Math.max(...longest) <= 64 * 1024);
});
