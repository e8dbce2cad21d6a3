import { advance, newStreamState, type AnswerEvent } from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import type { RenderContext } from '#core/contracts/dialect.ts';
import type { AnswerStage } from '#core/contracts/policy.ts';
import { sealEvent } from '#core/opaque-state.ts';
import type { AttemptRecord } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import type { Framing } from '#core/contracts/framing.ts';
import { streamType, type ModelCall } from './model-call.ts';
import { keepingReader, noteAnswer } from './kept/note.ts';
import { openStages } from './open-stream.ts';
import type { OutboundCall } from './outbound-call.ts';
import type { Passage } from './passage.ts';
import { Tally } from './tally.ts';

export interface WholeParts {
  readonly passage: Passage;
  readonly call: ModelCall;
  readonly outbound: OutboundCall;
  readonly record: AttemptRecord;
  readonly context: RenderContext;
}

/**
 * An upstream's whole answer, as the client is to see it: its own bytes within a dialect when no policy changed
 * anything, else rendered anew. `framing` is that of a stream that was not asked for. Also bridges the rare upstream that answers whole when a stream was asked for, or the
 * other way round.
 * @throws Fault `upstream/malformed-answer`, or what the answer itself reports.
 */
export function renderWhole(
  parts: WholeParts,
  body: Buffer,
  framing: Framing | null,
): { body: Buffer | string; contentType: string } {
  const { passage, call, outbound, record, context } = parts;
  const read = framing
    ? readEvents(parts, body, framing)
    : outbound.dialect.provider.parseAnswer(readBody(parts, body), record.target!);
  const { name } = record.target!.provider;
  const came = outbound.same ? read : read.map((event) => sealEvent(event, name));
  follow(came, record);
  record.work = 'finished';

  const { events, cut, changed } = throughStages(came, openStages(passage));
  if (cut) passage.exchange.outcome = cut;
  if (call.brief.stream) {
    return renderAsStream(parts, events);
  }
  if (outbound.same && !changed && !framing) return { body, contentType: 'application/json' };
  return { body: call.dialect.client.renderAnswer(events, context), contentType: 'application/json' };
}

function readBody({ passage, call, outbound, record }: WholeParts, body: Buffer): JsonObject {
  const document = parseBody(body);
  noteAnswer({ passage, call, outbound, target: record.target! }, document);
  return document;
}

function parseBody(body: Buffer): JsonObject {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as JsonObject;
  } catch {
    // Said below.
  }
  throw new Fault(
    'upstream/malformed-answer',
    'The upstream answered 200 with something that is not a JSON object.',
  );
}

function readEvents(parts: WholeParts, body: Buffer, framing: Framing): AnswerEvent[] {
  const target = parts.record.target!;
  const reader = keepingReader({ ...parts, target }, parts.outbound.dialect.provider.eventReader(target));
  const text = body.toString('latin1');
  const hasCr = text.includes('\r');
  const events: AnswerEvent[] = [];
  let at = 0;
  for (let end = framing.endOf(text, at, hasCr); end > 0; end = framing.endOf(text, at, hasCr)) {
    const parsed = framing.parse(body.toString(framing.encoding, at, end));
    if (parsed.data !== '' || parsed.name !== '') events.push(...reader.read(parsed));
    at = end;
  }
  return [...events, ...reader.finish()];
}

function follow(events: readonly AnswerEvent[], record: AttemptRecord): void {
  let start = { id: '', model: '' };
  const finish: string[] = [];
  for (const event of events) {
    if (event.type === 'fault') throw event.fault;
    if (event.type === 'usage') record.usage = event.usage;
    else if (event.type === 'start') start = event;
    else if (event.type === 'finish') finish.push(event.raw ?? event.reason);
  }
  record.facts = { id: start.id, model: start.model, finish };
  if (record.usage === null) record.seen = tallyOf(events);
}

function tallyOf(events: readonly AnswerEvent[]): Tally {
  const tally = new Tally();
  for (const event of events) {
    if (event.type === 'delta') tally.add(event.text);
    else if (event.type === 'block-start' && event.name) tally.add(event.name);
  }
  return tally;
}

function throughStages(came: readonly AnswerEvent[], stages: readonly AnswerStage[]) {
  if (stages.length === 0) return { events: came, cut: null, changed: false };
  let events: AnswerEvent[] = [...came];
  for (const stage of stages) {
    const next: AnswerEvent[] = [];
    for (const event of events) {
      if (event.type === 'finish' || event.type === 'end') next.push(...stage.onEnd());
      next.push(...stage.onEvent(event));
    }
    events = next;
  }
  const at = events.findIndex((event) => event.type === 'cut');
  const cut = events[at];
  if (cut?.type === 'cut')
    return { events: closeAt(events.slice(0, at), cut, came), cut: cut.outcome, changed: true };
  const changed = events.length !== came.length || events.some((event, i) => event !== came[i]);
  return { events, cut: null, changed };
}

/** The answer up to the cut, with an ending. */
function closeAt(
  events: readonly AnswerEvent[],
  cut: AnswerEvent & { type: 'cut' },
  came: readonly AnswerEvent[],
): AnswerEvent[] {
  const state = newStreamState();
  for (const event of events) advance(state, event);
  const stops = state.open.map(({ choice, block }): AnswerEvent => ({ type: 'block-stop', choice, block }));
  const usage = came.filter((event) => event.type === 'usage');
  return [...events, ...stops, { type: 'finish', choice: 0, reason: cut.reason }, ...usage, { type: 'end' }];
}

function renderAsStream({ call, context }: WholeParts, events: readonly AnswerEvent[]) {
  const { client } = call.dialect;
  const state = newStreamState();
  let out = '';
  for (const event of events) {
    out += client.renderEvent(event, state, context);
    advance(state, event);
  }
  if (!state.ended) out += client.renderEnding({ reason: 'stop', usage: state.usage }, state, context);
  return { body: Buffer.from(out, client.streamEncoding ?? 'utf8'), contentType: streamType(call) };
}
