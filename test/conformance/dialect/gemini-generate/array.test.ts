/** Streams as one JSON array: whatever is sent is JSON to its end, and read as what was said. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { advance, newStreamState, type AnswerEvent } from '#core/answer.ts';
import type { CallLine, RenderContext } from '#core/contracts/dialect.ts';
import type { AnswerStage } from '#core/contracts/policy.ts';
import { Fault } from '#core/fault.ts';
import { geminiGenerate } from '#dialects/gemini-generate/index.ts';
import { ScanStream } from '#pipeline/scan-stream.ts';
import { TransformStream } from '#pipeline/transform-stream.ts';
import { answers, reasons, saidBy, usage } from '../answers.ts';
import { target } from '../read-stream.ts';

const runs = process.env['SLUICE_LONG'] ? 2000 : 100;
const seed = 31;
const { client, provider } = geminiGenerate;
const operation = client.operations.find(({ path }) => path.endsWith(':streamGenerateContent'))!;
const line: CallLine = { operation, parameters: { model: 'm' }, query: '' };
const context: RenderContext = { model: 'm', exchangeId: 'X', nowS: 1, wantsUsage: true, line, body: {} };
const framing = provider.framings!.find(({ mediaType }) => mediaType === client.streamType!(line))!;

function render(events: readonly AnswerEvent[]) {
  const state = newStreamState();
  let text = '';
  for (const event of events) {
    text += client.renderEvent(event, state, context);
    advance(state, event);
  }
  return { text, state };
}

const cut = (events: readonly AnswerEvent[], share: number) =>
  events.slice(0, Math.floor((share * events.length) / 101));

test('it is one JSON array wherever the stream is ended', () =>
  fc.assert(
    fc.property(
      answers(2),
      fc.nat(100),
      fc.constantFrom(...reasons),
      usage,
      (events, share, reason, used) => {
        const { text, state } = render(cut(events, share));
        const whole = JSON.parse(
          text + client.renderEnding({ reason, usage: used }, state, context),
        ) as object[];
        assert.ok(Array.isArray(whole) && 'usageMetadata' in whole.at(-1)!);
      },
    ),
    { numRuns: runs, seed },
  ));

test('it is one JSON array, and its last member the error, wherever a fault is told', () =>
  fc.assert(
    fc.property(answers(2), fc.nat(100), (events, share) => {
      // A fault is told in the stream only after something of it went out.
      const { text } = render(cut(events, Math.max(share, 30)));
      const fault = new Fault('upstream/overloaded', 'Too much to do.');
      const whole = JSON.parse(text + client.renderFaultEvent(fault, 'X', line)) as object[];
      assert.ok('error' in whole.at(-1)!);
    }),
    { numRuns: runs, seed },
  ));

const transform = (stages: readonly AnswerStage[]) =>
  new TransformStream({
    reader: provider.eventReader(target),
    framing,
    client,
    context,
    stages,
    sameDialect: true,
    provider: 'p',
    withoutUsage: null,
    mayGoOn: false,
  });

function passed(stream: ScanStream | TransformStream, pieces: readonly Buffer[]): string {
  const parts = pieces.map((piece) => stream.push(piece));
  parts.push(stream.finish(), stream.rest());
  assert.equal(stream.fault, null);
  assert.ok(stream.ended);
  return Buffer.concat(parts.map((part) => Buffer.from(part ?? ''))).toString();
}

const split = (bytes: Buffer, cuts: readonly number[]) => {
  const ends = [...cuts.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return ends.map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end));
};

test('bytes pass wherever they are split', () =>
  fc.assert(
    fc.property(answers(2), fc.array(fc.nat(), { maxLength: 12 }), (events, cuts) => {
      const { text } = render(events);
      const stream = new ScanStream(provider.eventReader(target), null, framing);
      assert.equal(passed(stream, split(Buffer.from(text), cuts)), text);
      assert.equal(stream.state.finished.size, saidBy(events).choices.length);
    }),
    { numRuns: runs, seed },
  ));

/** Leaves out every other delta, and so whole members of the array. */
function thinning(): AnswerStage {
  let seen = 0;
  return {
    onEvent: (event) => (event.type === 'delta' && seen++ % 2 === 0 ? [] : [event]),
    onEnd: () => [],
  };
}

test('it is one JSON array, too, where a policy leaves members out', () =>
  fc.assert(
    fc.property(answers(2), fc.array(fc.nat(), { maxLength: 12 }), (events, cuts) => {
      const bytes = Buffer.from(render(events).text);
      const whole = JSON.parse(passed(transform([thinning()]), split(bytes, cuts))) as object[];
      assert.ok(Array.isArray(whole));
      const said = saidBy(whole.length === 0 ? [] : [...readAll(provider.eventReader(target), whole)]);
      assert.ok(said.ended);
    }),
    { numRuns: runs, seed },
  ));

function readAll(reader: ReturnType<typeof provider.eventReader>, members: readonly object[]): AnswerEvent[] {
  return [
    ...members.flatMap((member) => reader.read({ name: '', data: JSON.stringify(member) })),
    ...reader.finish(),
  ];
}

test('a finish that came with text which a policy leaves out is told all the same', () => {
  const candidate = { content: { parts: [{ text: 'a' }], role: 'model' }, finishReason: 'STOP', index: 0 };
  const usageMetadata = { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 };
  const bytes = Buffer.from(JSON.stringify([{ candidates: [candidate], usageMetadata, responseId: 'r' }]));
  const whole = JSON.parse(passed(transform([thinning()]), [bytes])) as object[];
  const { choices, totals } = saidBy(readAll(provider.eventReader(target), whole));
  assert.deepEqual(choices, [{ blocks: [], finish: 'stop' }]);
  assert.equal(totals?.output, 1);
});

test('what is no array of objects is refused', () => {
  for (const text of ['<html>', '"text"', '[1]', 'null']) {
    const stream = new ScanStream(provider.eventReader(target), null, framing);
    stream.push(Buffer.from(text));
    assert.equal(stream.fault?.code, 'upstream/malformed-answer', text);
  }
});
