/** What every dialect must do. A dialect gets this suite by being registered. */
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { AnswerEvent } from '#core/answer.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import { Fault } from '#core/fault.ts';
import { scanFields, spliceFields } from '#core/json.ts';
import { fromBytes } from '#core/opaque-state.ts';
import { serverSentEvents } from '#core/sse.ts';
import { totalsOf, type TokenTotals } from '#core/usage.ts';
import { chatDialects as dialects } from '#dialects/index.ts';
import { ScanStream } from '#pipeline/scan-stream.ts';
import { TransformStream } from '#pipeline/transform-stream.ts';
import { answers, reasons, saidBy, usage, type Said } from './answers.ts';
import { calls, meant } from './calls.ts';
import { officialReaders } from './official-readers.ts';
import { bytesOf, contextOf, framingOf, lineOf, readStream, renderStream, target } from './read-stream.ts';
import { hears, traits, type Traits } from './traits.ts';
import { wireGrammars } from './wire-grammar.ts';

const runs = process.env['SLUICE_LONG'] ? 3000 : 150;
const officialRuns = process.env['SLUICE_LONG'] ? 400 : 30;
const seed = 29;

/** What is to be heard of an answer by a reader of the dialect. */
function expected(said: Said, of: Traits, form: 'streamed' | 'whole') {
  return said.choices.map(({ blocks, finish }) => ({
    blocks: of[form](blocks),
    finish: finish && hears(of, { blocks, finish }),
  }));
}

const totalsOver = (of: Traits, totals: TokenTotals | null) => totals && (of.totals?.(totals) ?? totals);

/** A prefix of an answer, and a reason to end it there. */
const cuts = (of: Traits) =>
  fc
    .tuple(answers(of.choices), fc.nat(100), fc.constantFrom(...reasons), usage)
    .map(([events, share, reason, used]) => {
      const length = Math.floor((share * events.length) / 101);
      return { prefix: events.slice(0, length), ending: { reason, usage: used } };
    });

/** What is to be heard of a prefix that was ended. */
function expectedOfCut(prefix: readonly AnswerEvent[], reason: (typeof reasons)[number], of: Traits) {
  const said = saidBy(prefix);
  const choices = said.choices.length ? said.choices : [{ blocks: [], finish: null }];
  return choices.map((choice) => ({
    blocks: of.streamed(choice.blocks),
    finish: hears(of, { blocks: of.streamed(choice.blocks), finish: choice.finish ?? reason }),
  }));
}

for (const dialect of dialects) {
  describe(dialect.name, () => {
    const of = traits[dialect.name];
    const line = lineOf(dialect);
    const context = contextOf(dialect);
    const framing = framingOf(dialect, line);
    const official = officialReaders[dialect.name];
    assert.ok(of, `say in traits.ts what ${dialect.name} can carry`);
    const grammar = wireGrammars[dialect.name]!;
    assert.ok(grammar, `say in wire-grammar.ts what order ${dialect.name} has`);
    assert.ok(official, `say in official-readers.ts which clients read ${dialect.name}`);

    test('a call survives its journey, and nothing of it is said to be lost', () =>
      fc.assert(
        fc.property(calls, (given) => {
          const call = of.carries?.(given) ?? given;
          const { body, losses } = dialect.provider.renderCall(call, target);
          assert.deepEqual(losses, []);
          const json = JSON.parse(body) as Record<string, unknown>;
          if (of.modelIn === 'path')
            assert.ok(/\/m[:/]/.test(dialect.provider.path(target, { stream: true, line: null })));
          else assert.equal(json['model'], target.model);
          assert.deepEqual(plain(meant(dialect.client.parseCall(json, line))), plain(meant(call)));
          const brief = dialect.client.brief(json, line);
          assert.deepEqual([brief.stream, brief.maxOutputTokens], [call.stream, call.maxOutputTokens]);
        }),
        { numRuns: runs, seed },
      ));

    test('a call is bounded in its own words, and nothing else of it changes', () =>
      fc.assert(
        fc.property(calls, fc.integer({ min: 16, max: 50_000 }), fc.nat(9_000), (given, most, above) => {
          const call = of.carries?.(given) ?? given;
          const bounded = { ...call, maxOutputTokens: most + 1 + above };
          const { body } = dialect.provider.renderCall(bounded, target);
          const bytes = Buffer.from(body);
          const json = JSON.parse(body) as Record<string, unknown>;
          const { edits, losses } = dialect.provider.capOutput(json, most, target);
          assert.deepEqual(losses, []);
          const spliced = spliceFields(bytes, scanFields(bytes.toString('latin1')), edits).toString();
          const capped = JSON.parse(spliced) as Record<string, unknown>;
          assert.equal(dialect.client.brief(capped, line).maxOutputTokens, most);
          assert.deepEqual(plain(meant(dialect.client.parseCall(capped, line))), {
            ...(plain(meant(dialect.client.parseCall(json, line))) as object),
            maxOutputTokens: most,
          });
        }),
        { numRuns: runs, seed },
      ));

    test('a call without a bound gets one', () => {
      const { edits } = dialect.provider.capOutput({}, 10, target);
      const capped = Object.fromEntries([...edits].map(([key, text]) => [key, JSON.parse(text) as unknown]));
      const { maxOutputTokens } = dialect.client.brief({ model: 'm', ...capped }, line);
      // What the vendor of responses takes at least.
      assert.equal(maxOutputTokens, dialect.name === 'openai-responses' ? 16 : 10);
    });

    test('an answer survives its journey as a stream', () =>
      fc.assert(
        fc.property(answers(of.choices), (events) => {
          const { text } = renderStream(dialect, events);
          grammar(text);
          const read = saidBy(readStream(dialect, text));
          const said = saidBy(events);
          assert.deepEqual(read, {
            choices: expected(said, of, 'streamed'),
            totals: totalsOver(of, said.totals),
            ended: true,
          });
        }),
        { numRuns: runs, seed },
      ));

    test('an answer survives its journey in one piece', () =>
      fc.assert(
        fc.property(answers(of.choices), (events) => {
          const body = JSON.parse(dialect.client.renderAnswer(events, context)) as Record<string, unknown>;
          const read = saidBy(dialect.provider.parseAnswer(body, target));
          const said = saidBy(events);
          assert.deepEqual(read, {
            choices: expected(said, of, 'whole'),
            totals: totalsOver(of, said.totals),
            ended: true,
          });
        }),
        { numRuns: runs, seed },
      ));

    test('it can end its stream at any event', () =>
      fc.assert(
        fc.property(cuts(of), ({ prefix, ending }) => {
          const { text, state } = renderStream(dialect, prefix);
          const whole = text + dialect.client.renderEnding(ending, state, context);
          grammar(whole);
          const events = readStream(dialect, whole);
          assert.deepEqual(saidBy(events), {
            choices: expectedOfCut(prefix, ending.reason, of),
            totals: totalsOver(of, totalsOf(ending.usage.lines)),
            ended: true,
          });
          assert.equal(events.filter((event) => event.type === 'start').length, 1);
        }),
        { numRuns: runs, seed },
      ));

    test('an ended stream is not ended again', () => {
      const [events] = fc.sample(answers(of.choices), { numRuns: 1, seed });
      const { state } = renderStream(dialect, events!);
      assert.equal(dialect.client.renderEnding({ reason: 'length', usage: null }, state, context), '');
    });

    test('after any event a fault can be told, and is read as one', () =>
      fc.assert(
        fc.property(cuts(of), ({ prefix }) => {
          const { text } = renderStream(dialect, prefix);
          const fault = new Fault('upstream/overloaded', 'Too much to do.');
          const events = readStream(dialect, text + dialect.client.renderFaultEvent(fault, 'X', line));
          const told = events.find((event) => event.type === 'fault');
          assert.ok(told, 'no fault was read');
          assert.equal(told.fault.message, fault.message);
          assert.ok(!events.some((event) => event.type === 'end'), 'it reads as complete');
        }),
        { numRuns: runs, seed },
      ));

    for (const [client, read] of Object.entries(official)) {
      test(`${client} understands a stream that was ended at any event`, () =>
        fc.assert(
          fc.asyncProperty(cuts(of), async ({ prefix, ending }) => {
            const { text, state } = renderStream(dialect, prefix);
            const reading = await read(text + dialect.client.renderEnding(ending, state, context));
            const said = saidBy(prefix).choices[0] ?? { blocks: [], finish: null };
            const blocks = of.streamed(said.blocks);
            const texts = (kind: string) =>
              blocks.map((block) => (block.kind === kind ? block.text : '')).join('');
            const { input, output } = totalsOf(ending.usage.lines);
            assert.deepEqual(reading, {
              text: texts('text'),
              reasoning: texts('reasoning'),
              toolCalls: blocks.flatMap(({ kind, name, text: json }) =>
                kind === 'tool-call' ? [{ name, arguments: json }] : [],
              ),
              finish: of.finish[said.finish ?? ending.reason],
              usage: { input, output },
            });
          }),
          { numRuns: officialRuns, seed },
        ));

      test(`${client} raises a fault that is told after any event`, () =>
        fc.assert(
          fc.asyncProperty(cuts(of), async ({ prefix }) => {
            const { text } = renderStream(dialect, prefix);
            const fault = new Fault('upstream/overloaded', 'Too much to do.');
            await assert.rejects(
              read(text + dialect.client.renderFaultEvent(fault, 'X', line)),
              /Too much to do/,
            );
          }),
          { numRuns: officialRuns, seed },
        ));
    }

    test('usage: whatever comes, in whatever order, the lines are disjoint and sum to the totals', () =>
      fc.assert(
        fc.property(of.usage, ({ payloads, totals }) => {
          const reader = dialect.provider.eventReader(target);
          const events = payloads.flatMap((payload) =>
            reader.read({ name: '', data: JSON.stringify(payload) }),
          );
          const last = events.findLast((event) => event.type === 'usage');
          assert.ok(last, 'no usage was read');
          assert.deepEqual(totalsOf(last.usage.lines), totals);
          const keys = last.usage.lines.map((l) => `${l.direction} ${l.modality} ${l.cache} ${l.kind}`);
          assert.equal(
            new Set(keys).size,
            keys.length,
            `a kind of token is counted twice: ${keys.join(', ')}`,
          );
          assert.deepEqual(last.usage.flags, totals.input + totals.output ? [] : ['zero-usage']);
        }),
        { numRuns: runs, seed },
      ));

    test('usage: what cannot be a count is no count, and is flagged', () => {
      for (const figure of [-1, 'NaN', 1e18, true, {}, [], '12', -0.5]) {
        const reader = dialect.provider.eventReader(target);
        const events = reader.read({ name: '', data: JSON.stringify(of.usagePayload(figure)) });
        const last = events.findLast((event) => event.type === 'usage');
        assert.ok(last?.type === 'usage', `${JSON.stringify(figure)} was not read as usage`);
        for (const { count } of last.usage.lines)
          assert.ok(Number.isSafeInteger(count) && count >= 0, `${JSON.stringify(figure)} gave ${count}`);
        assert.equal(last.usage.source, 'provider_partial', JSON.stringify(figure));
        assert.ok(last.usage.flags.length > 0);
      }
    });

    test('reading a delta again changes nothing', () =>
      fc.assert(
        fc.property(answers(of.choices), (events) => {
          const { text } = renderStream(dialect, events);
          assert.deepEqual(readStream(stuttering(dialect), text), readStream(dialect, text));
        }),
        { numRuns: runs, seed },
      ));

    test('a stream is the same wherever its bytes are split', () =>
      fc.assert(
        fc.property(
          answers(of.choices),
          fc.array(fc.nat(), { maxLength: 12 }),
          fc.boolean(),
          (events, cutsAt, crlf) => {
            const { text } = renderStream(dialect, events);
            const lines = crlf && framing === serverSentEvents;
            const bytes = bytesOf(dialect, lines ? text.replaceAll('\n', '\r\n') : text);
            const at = cutsAt.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b);
            const ends = [...at, bytes.length];
            const pieces = ends.map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end));
            for (const open of [scanned, transformed])
              assert.deepEqual(passed(open(dialect), pieces), passed(open(dialect), [bytes]));
            assert.deepEqual(
              saidBy(readStream(dialect, passed(transformed(dialect), pieces).text).map(unmarked)),
              {
                ...saidBy(readStream(dialect, text)),
              },
            );
          },
        ),
        { numRuns: runs, seed },
      ));
  });
}

/** Without the mark of the provider. */
function unmarked(event: AnswerEvent): AnswerEvent {
  const bare = (state: string) => fromBytes(state).replace('slc1:p:', '');
  if (event.type === 'signature') return { ...event, signature: bare(event.signature) };
  if (event.type === 'block-start' && event.sealed !== undefined)
    return { ...event, sealed: bare(event.sealed) };
  return event;
}

/** Objects without a prototype compare as what they hold. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const scanned = (dialect: Dialect) =>
  new ScanStream(dialect.provider.eventReader(target), null, framingOf(dialect, lineOf(dialect)));
const transformed = (dialect: Dialect) =>
  new TransformStream({
    reader: dialect.provider.eventReader(target),
    framing: framingOf(dialect, lineOf(dialect)),
    client: dialect.client,
    context: contextOf(dialect),
    stages: [],
    sameDialect: false,
    provider: 'p',
    withoutUsage: null,
    mayGoOn: false,
  });

/** One character for each byte where the stream is not text: what is compared is the same either way. */
const textOf = (piece: Buffer | string | null): string =>
  piece === null ? '' : typeof piece === 'string' ? piece : piece.toString(isUtf8(piece) ? 'utf8' : 'latin1');

function passed(stream: ScanStream | TransformStream, pieces: readonly Buffer[]) {
  let text = '';
  for (const piece of pieces) text += textOf(stream.push(piece));
  text += textOf(stream.finish());
  text += textOf(stream.rest());
  return {
    text,
    finished: [...stream.state.finished],
    totals: stream.usage && totalsOf(stream.usage.lines),
    ended: stream.ended,
    fault: stream.fault,
  };
}

/** Reads each event that is one delta three times over, as a scanner may that proves a template with it. */
function stuttering(dialect: Dialect): Dialect {
  return {
    ...dialect,
    provider: {
      ...dialect.provider,
      eventReader(from) {
        const reader = dialect.provider.eventReader(from);
        const open = new Set<string>();
        return {
          read(event) {
            const events = reader.read(event);
            const [first] = events;
            if (
              events.length === 1 &&
              first?.type === 'delta' &&
              open.has(`${first.choice}/${first.block}`)
            ) {
              assert.deepEqual(reader.read(event), events);
              assert.deepEqual(reader.read(event), events);
            }
            for (const each of events) {
              if (each.type === 'block-start') open.add(`${each.choice}/${each.block}`);
              if (each.type === 'block-stop') open.delete(`${each.choice}/${each.block}`);
            }
            return events;
          },
          finish: () => reader.finish(),
        };
      },
    },
  };
}
