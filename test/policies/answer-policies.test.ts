import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { newStreamState, advance, type AnswerEvent } from '#core/answer.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import type { AnswerStage } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import type { Target } from '#core/target.ts';
import { inputLine, outputLine } from '#core/usage.ts';
import { chatDialects as dialects } from '#dialects/index.ts';
import { TransformStream } from '#pipeline/transform-stream.ts';
import { bytesOf, contextOf, framingOf, lineOf } from '../conformance/dialect/read-stream.ts';
import { cutAfter } from './cut-after.ts';
import { noServices } from '#policies/testing/no-services.ts';
import { rewriteWord } from './rewrite-word.ts';

const runs = process.env['SLUICE_LONG'] ? 2000 : 100;
const target = { provider: { quirks: {} }, model: 'm' } as unknown as Target;
const services = { ...noServices, instance: 'x/0' };

/** A stream of a dialect whose text comes in these pieces. */
function streamOf(dialect: Dialect, pieces: readonly string[]): string {
  const usage = {
    lines: [inputLine(5), outputLine(pieces.length)],
    source: 'provider',
    raw: null,
    flags: [],
  } as const;
  const events: AnswerEvent[] = [
    { type: 'start', id: 'id', model: 'm', createdAtS: 1 },
    { type: 'block-start', choice: 0, block: 0, kind: 'text' },
    ...pieces.map((text): AnswerEvent => ({ type: 'delta', choice: 0, block: 0, text })),
    { type: 'block-stop', choice: 0, block: 0 },
    { type: 'finish', choice: 0, reason: 'stop' },
    { type: 'usage', usage },
    { type: 'end' },
  ];
  const state = newStreamState();
  let text = '';
  for (const event of events) {
    text += dialect.client.renderEvent(event, state, contextOf(dialect));
    advance(state, event);
  }
  return text;
}

function readBack(dialect: Dialect, text: string) {
  const reader = dialect.provider.eventReader(target);
  const state = newStreamState();
  let said = '';
  let at = 0;
  const framing = framingOf(dialect, lineOf(dialect));
  for (let end = framing.endOf(text, at, false); end > 0; end = framing.endOf(text, at, false)) {
    for (const event of reader.read(framing.parse(text.slice(at, end)))) {
      if (event.type === 'delta') said += event.text;
      advance(state, event);
    }
    at = end;
  }
  // Of some dialects the end of the body is the end.
  for (const event of reader.finish()) advance(state, event);
  return { said, state };
}

function pass(
  from: Dialect,
  to: Dialect,
  stages: AnswerStage[],
  parts: { source: string; cuts: readonly number[] },
) {
  const stream = new TransformStream({
    reader: from.provider.eventReader(target),
    framing: framingOf(from, lineOf(from)),
    client: to.client,
    context: contextOf(to),
    stages,
    sameDialect: from === to,
    provider: 'p',
    withoutUsage: null,
    mayGoOn: false,
  });
  const bytes = bytesOf(from, parts.source);
  const textOf = (piece: Buffer | string | null): string =>
    typeof piece === 'string' ? piece : (piece?.toString(to.client.streamEncoding ?? 'utf8') ?? '');
  let out = '';
  let at = 0;
  for (const cut of [...parts.cuts.filter((c) => c < bytes.length).sort((a, b) => a - b), bytes.length]) {
    if (cut > at) out += textOf(stream.push(bytes.subarray(at, cut)));
    at = Math.max(at, cut);
  }
  out += textOf(stream.finish());
  return { stream, shown: out + textOf(stream.rest()) };
}

const pieces = fc.array(fc.constantFrom('sec', 'ret', 'secret', 's', 'e', ' ', 'a secr', 'et!', '水', 'x'), {
  minLength: 1,
  maxLength: 20,
});
const cuts = fc.array(fc.nat(3000), { maxLength: 10 });

for (const from of dialects) {
  for (const to of dialects) {
    describe(`${from.name} → ${to.name}`, () => {
      test('a word is rewritten, wherever chunks and events end', () => {
        fc.assert(
          fc.property(pieces, cuts, (said, at) => {
            const stage = rewriteWord.create({ word: 'secret', by: '[gone]' }, services).openAnswer!(
              {} as Exchange,
            )!;
            const { shown } = pass(from, to, [stage], { source: streamOf(from, said), cuts: at });
            const { said: got, state } = readBack(to, shown);
            assert.equal(got, said.join('').replaceAll('secret', '[gone]'));
            // Nor anywhere else: some streams say all again at their end.
            assert.ok(!shown.includes('secret'));
            assert.ok(state.ended && state.finished.has(0) && state.open.length === 0);
            assert.ok(state.usage);
          }),
          { numRuns: runs, seed: 6 },
        );
      });

      test('a stream is cut in the middle of a word, and ends as its clients expect', () => {
        fc.assert(
          fc.property(pieces, cuts, fc.nat(30), (said, at, characters) => {
            const whole = said.join('');
            const stage = cutAfter.create({ characters }, services).openAnswer!({} as Exchange)!;
            const { shown, stream } = pass(from, to, [stage], { source: streamOf(from, said), cuts: at });
            const { said: got, state } = readBack(to, shown);
            assert.equal(got, whole.slice(0, characters));
            assert.ok(state.ended && state.finished.has(0) && state.open.length === 0);
            assert.equal(stream.cut?.outcome ?? null, whole.length > characters ? 'budget_cut' : null);
            assert.equal(state.finish?.reason, whole.length > characters ? 'length' : 'stop');
          }),
          { numRuns: runs, seed: 7 },
        );
      });
    });
  }
}
