/**
 * Both readers against answers as providers send them. The project's own are in test/fixtures/streams; a folder of
 * recordings of one's own is read as well when SLUICE_RECORDINGS names it.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AnswerEvent, FinishReason } from '#core/answer.ts';
import type { Target } from '#core/target.ts';
import { totalsOf } from '#core/usage.ts';
import { chatDialects as dialects } from '#dialects/index.ts';
import { saidBy } from './answers.ts';
import { officialReaders } from './official-readers.ts';
import { renderStream } from './read-stream.ts';
import { readPlainly, recordingsIn, type Recording } from './recordings.ts';
import { readsAs, traits } from './traits.ts';
import { wireGrammars } from './wire-grammar.ts';

const folders = ['test/fixtures/streams', process.env['SLUICE_RECORDINGS'] ?? ''].filter((f) => f !== '');
const recordings = folders.flatMap(recordingsIn);

const reasons: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool-calls',
  content_filter: 'content-filter',
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool-calls',
  refusal: 'content-filter',
  pause_turn: 'pause',
  compaction: 'other',
  guardrail_intervened: 'content-filter',
  COMPLETE: 'stop',
  STOP_SEQUENCE: 'stop',
  MAX_TOKENS: 'length',
  TOOL_CALL: 'tool-calls',
};

const dialectOf = (name: string) => dialects.find((dialect) => dialect.name === name)!;

function readEvents({ dialect, form, payloads, reasoningBeside }: Recording): AnswerEvent[] {
  const { provider } = dialectOf(dialect);
  const from = {
    provider: { quirks: { reasoningBesideOutput: reasoningBeside } },
    model: 'm',
  } as unknown as Target;
  if (form === 'whole') return provider.parseAnswer(payloads[0]!, from);
  const reader = provider.eventReader(from);
  const events = payloads.flatMap((payload) => reader.read({ name: '', data: JSON.stringify(payload) }));
  if (dialect.startsWith('openai-')) events.push(...reader.read({ name: '', data: '[DONE]' }));
  return [...events, ...reader.finish()];
}

const heard = (events: readonly AnswerEvent[]) => {
  const { blocks } = saidBy(events).choices[0] ?? { blocks: [] };
  return {
    text: blocks.map((block) => (block.kind === 'text' ? block.text : '')).join(''),
    toolNames: blocks.flatMap((block) => (block.kind === 'tool-call' ? [block.name] : [])),
  };
};

test('every dialect has recordings, streamed and whole', () => {
  const kinds = new Set(recordings.map(({ dialect, form }) => `${dialect} ${form}`));
  for (const { name } of dialects)
    for (const form of ['stream', 'whole']) assert.ok(kinds.has(`${name} ${form}`), `${name} ${form}`);
});

for (const recording of recordings) {
  describe(recording.name, () => {
    const plain = readPlainly(recording);
    const reason = plain.reason ?? reasons[plain.finish ?? ''];

    test('is read without a fault, to its proper end', () => {
      const events = readEvents(recording);
      assert.ok(!events.some((event) => event.type === 'fault'));
      const { choices, ended } = saidBy(events);
      assert.equal(choices.length, 1);
      assert.ok(plain.finish !== null && reason, `"${plain.finish}" is not in this test's table`);
      assert.equal(choices[0]!.finish, reason);
      assert.ok(ended);
      assert.deepEqual(heard(events), { text: plain.text, toolNames: plain.toolNames });
    });

    test('its usage is that of the recording', () => {
      const last = readEvents(recording).findLast((event) => event.type === 'usage');
      const totals = last && totalsOf(last.usage.lines);
      assert.deepEqual(
        totals ? { input: totals.input, output: totals.output, cacheRead: totals.cacheRead } : null,
        plain.usage,
      );
      const isZero = plain.usage?.input === 0 && plain.usage.output === 0;
      assert.deepEqual(last?.usage.flags ?? [], isZero ? ['zero-usage'] : []);
    });

    for (const dialect of dialects) {
      for (const [client, read] of Object.entries(officialReaders[dialect.name]!)) {
        test(`${client} hears the same of it in ${dialect.name}`, async () => {
          const of = traits[dialect.name]!;
          const { text } = renderStream(dialect, readEvents(recording));
          wireGrammars[dialect.name]!(text);
          const reading = await read(text);
          assert.equal(reading.text, plain.text);
          assert.deepEqual(
            reading.toolCalls.map((call) => call.name),
            of.callsTools === false ? [] : plain.toolNames,
          );
          // A word for which there is no neutral one survives where there is another for it.
          const matched = plain.finish === 'stop_sequence' ? of.stopSequence : undefined;
          assert.equal(reading.finish, matched ?? of.finish[readsAs(of, reason!)]);
          if (plain.usage)
            assert.deepEqual(reading.usage, { input: plain.usage.input, output: plain.usage.output });
        });
      }
    }
  });
}
