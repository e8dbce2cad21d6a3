import { advance, newStreamState, type AnswerEvent, type StreamState } from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import type { Ending, RenderContext } from '#core/contracts/dialect.ts';
import { ResponseWriter } from './response-writer.ts';
import { incompleteReason } from './status.ts';
import { renderUsage } from './usage.ts';

/** What was written of each stream so far: its last event says all of it again. */
const writers = new WeakMap<StreamState, ResponseWriter>();

function writerOf(state: StreamState, context: RenderContext): ResponseWriter {
  let writer = writers.get(state);
  if (!writer) writers.set(state, (writer = new ResponseWriter(state.id, state.createdAtS, context)));
  return writer;
}

export function renderEvent(event: AnswerEvent, state: StreamState, context: RenderContext): string {
  if (event.type === 'start') {
    const writer = new ResponseWriter(event.id, event.createdAtS ?? 0, context);
    writers.set(state, writer);
    return writer.start();
  }
  if (event.type === 'end') {
    const reason = incompleteReason(state.finish?.reason ?? 'stop');
    return writerOf(state, context).end(reason, state.usage && renderUsage(state.usage));
  }
  return write(writerOf(state, context), event);
}

/** One answer, and no word for what is not told in blocks. */
function write(writer: ResponseWriter, event: AnswerEvent): string {
  if ('choice' in event && event.choice !== 0) return '';
  switch (event.type) {
    case 'block-start':
      return writer.begin(event);
    case 'delta':
      return writer.delta(event.block, event.text);
    case 'signature':
      writer.sign(event.block, event.signature);
      return '';
    case 'citation':
      return writer.cite(event.block, event.citation);
    case 'block-stop':
      return writer.stop(event.block);
    default:
      return '';
  }
}

export function renderEnding(ending: Ending, state: StreamState, context: RenderContext): string {
  if (state.ended) return '';
  const reason = incompleteReason(state.finish?.reason ?? ending.reason);
  const usage = ending.usage ?? state.usage;
  const rendered = usage && renderUsage(usage);
  const isRelayed = state.started && !writers.has(state);
  if (isRelayed) return endRelayed(reason, rendered, state, context);
  const writer = writerOf(state, context);
  return (state.started ? '' : writer.start()) + writer.end(reason, rendered);
}

/**
 * What the provider itself has written is not known word for word: the response ends as incomplete and without its output,
 * and clients keep what they have heard.
 */
function endRelayed(
  reason: string | null,
  usage: JsonObject | null,
  state: StreamState,
  context: RenderContext,
): string {
  const writer = new ResponseWriter(state.id, state.createdAtS, context);
  const { output: _, ...response } = writer.whole(reason ?? 'content_filter', usage);
  const type = 'response.incomplete';
  return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: 0, response })}\n\n`;
}

/** https://platform.openai.com/docs/api-reference/responses/object */
export function renderAnswer(events: readonly AnswerEvent[], context: RenderContext): string {
  const state = newStreamState();
  const start = events.find((event) => event.type === 'start');
  const writer = new ResponseWriter(start?.id ?? '', start?.createdAtS ?? 0, context);
  for (const event of events) {
    write(writer, event);
    advance(state, event);
  }
  const reason = incompleteReason(state.finish?.reason ?? 'stop');
  return JSON.stringify(writer.whole(reason, state.usage && renderUsage(state.usage)));
}
