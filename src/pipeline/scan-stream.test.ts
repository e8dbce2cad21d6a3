import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AnswerEvent } from '#core/answer.ts';
import type { EventReader } from '#core/contracts/dialect.ts';
import type { SseEvent } from '#core/sse-event.ts';
import { ScanStream } from './scan-stream.ts';

const runs = process.env['SLUICE_LONG'] ? 5000 : 200;

/** A toy dialect: `{"t":"text"}` is a delta, `{"u":n}` usage, `{"f":1}` a finish, `END` the end. */
class ToyReader implements EventReader {
  #open = false;
  read(event: SseEvent): AnswerEvent[] {
    if (event.data === 'END') return [{ type: 'end' }];
    const json = JSON.parse(event.data) as { t?: string; u?: number; f?: number; usage?: null };
    if (typeof json.u === 'number') {
      return [{ type: 'usage', usage: { lines: [], source: 'provider', raw: json.u, flags: [] } }];
    }
    if (json.f) return [{ type: 'finish', choice: 0, reason: 'stop' }];
    if (typeof json.t !== 'string') return [{ type: 'opaque', name: 'x' }];
    const delta: AnswerEvent = { type: 'delta', choice: 0, block: 0, text: json.t };
    if (this.#open) return [delta];
    this.#open = true;
    return [{ type: 'block-start', choice: 0, block: 0, kind: 'text' }, delta];
  }
  finish(): AnswerEvent[] {
    return [];
  }
}

/** Takes `"usage":null` fields out, and `{"u":…}` events away. */
function withoutUsage(data: string): string | null {
  if (data.startsWith('{"u":')) return null;
  return data.replace(/,"usage":null/, '');
}

const word = fc.oneof(
  fc.string(),
  fc.constantFrom('"', '\\', '\\"', 'é', '水', '\n', ' ', '😀', 'data: ', '"usage"', ''),
);
const event = fc.oneof(
  { weight: 8, arbitrary: word.map((t) => `data: ${JSON.stringify({ t })}`) },
  { weight: 4, arbitrary: word.map((t) => `data: ${JSON.stringify({ id: 'x', t, usage: null })}`) },
  { weight: 1, arbitrary: word.map((t) => `event: delta\ndata: ${JSON.stringify({ z: 1, t })}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ': keep-alive',
      'data: {"odd":true}',
      'data: {"u":7}',
      'data:\ndata: {"t":\ndata: "x"}',
    ),
  },
);
const streams = fc
  .tuple(fc.array(event, { maxLength: 40 }), fc.constantFrom('\n', '\n', '\r\n'), fc.boolean())
  .map(([events, newline, ended]) =>
    [...events, 'data: {"u":9}', 'data: {"f":1}', ...(ended ? ['data: END'] : [])]
      .map((e) => `${e}\n\n`.replaceAll('\n', newline))
      .join(''),
  );

function run(bytes: Buffer, cuts: readonly number[], hide: boolean) {
  const stream = new ScanStream(new ToyReader(), hide ? withoutUsage : null);
  const out: Buffer[] = [];
  let at = 0;
  for (const cut of [...cuts, bytes.length]) {
    if (cut <= at) continue;
    const piece = stream.push(Buffer.from(bytes.subarray(at, cut)));
    if (piece) out.push(piece);
    at = cut;
  }
  const last = stream.finish();
  if (last) out.push(last);
  const rest = stream.rest() ?? Buffer.alloc(0);
  return { stream, shown: Buffer.concat([...out, rest]).toString(), rest: rest.toString() };
}

/** The visible text by plain parsing. */
function textOf(source: string): string {
  return source
    .split(/\r\n\r\n|\n\n/)
    .map((e) =>
      e
        .split(/\r?\n/)
        .filter((l) => l.startsWith('data:'))
        .map((l) => l.slice(5).replace(/^ /, ''))
        .join('\n'),
    )
    .map((data) => (data.trim().startsWith('{') ? ((JSON.parse(data) as { t?: string }).t ?? '') : ''))
    .join('');
}

const sorted = (text: string) => [...text].sort().join('');

test('bytes pass unchanged, whatever the cuts, and the terminal event waits', () => {
  fc.assert(
    fc.property(streams, fc.array(fc.nat(4000), { maxLength: 12 }), (source, cuts) => {
      const bytes = Buffer.from(source);
      const sortedCuts = cuts.filter((c) => c < bytes.length).sort((a, b) => a - b);
      const { stream, shown, rest } = run(bytes, sortedCuts, false);
      assert.equal(shown, source);
      assert.equal(stream.ended, source.includes('data: END'));
      if (stream.ended) assert.ok(rest.startsWith('data: END'));
      assert.equal((stream.usage?.raw as number) ?? null, 9);
      assert.equal(sorted(stream.tally.text()), sorted(textOf(source)));
    }),
    { numRuns: runs, seed: 4 },
  );
});

test('what the gateway alone asked for is taken out, the same at every cut', () => {
  fc.assert(
    fc.property(streams, (source) => {
      const bytes = Buffer.from(source);
      const whole = run(bytes, [], true);
      assert.ok(!/"usage":null[,}]/.test(whole.shown.replaceAll(/\\"usage\\"/g, '')));
      assert.ok(!whole.shown.includes('{"u":'));
      for (let cut = 1; cut < bytes.length; cut += Math.max(1, Math.floor(bytes.length / 40))) {
        assert.equal(run(bytes, [cut], true).shown, whole.shown);
      }
      assert.equal(run(bytes, Array.from(bytes.keys()), true).shown, whole.shown);
      assert.equal(sorted(textOf(whole.shown)), sorted(textOf(source)));
    }),
    { numRuns: Math.ceil(runs / 4), seed: 5 },
  );
});

test('a long run of like events is scanned by template, and gives the same', () => {
  const texts = Array.from({ length: 500 }, (_, i) => (i % 7 === 0 ? `w"${i}\\` : ` word${i} é`));
  const source = [
    ...texts.map((t) => `data: ${JSON.stringify({ id: 'c', t, usage: null })}\n\n`),
    'data: END\n\n',
  ].join('');
  const plain = run(Buffer.from(source), [1000, 1001, 5000], false);
  assert.equal(plain.shown, source);
  assert.equal(plain.stream.tally.text().length, texts.join('').length);
  const hidden = run(Buffer.from(source), [1000, 1001, 5000], true);
  assert.equal(hidden.shown, source.replaceAll(',"usage":null', ''));
});
