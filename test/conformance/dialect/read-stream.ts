import { advance, newStreamState, type AnswerEvent } from '#core/answer.ts';
import type { CallLine, Dialect, RenderContext } from '#core/contracts/dialect.ts';
import type { Framing } from '#core/contracts/framing.ts';
import { serverSentEvents } from '#core/sse.ts';
import type { Target } from '#core/target.ts';

/** The request line of a chat call, streamed where the line says so. */
export const lineOf = (dialect: Dialect): CallLine => {
  const chats = dialect.client.operations.filter(({ kind }) => kind === 'chat');
  const operation = chats.find(({ path }) => /stream/i.test(path)) ?? chats[0]!;
  return { operation, parameters: { model: 'm' }, query: operation.path.includes(':') ? 'alt=sse' : '' };
};
export const contextOf = (dialect: Dialect): RenderContext => ({
  model: 'm',
  exchangeId: 'X',
  nowS: 1,
  wantsUsage: true,
  body: {},
  line: lineOf(dialect),
});
/** How the streams that a dialect's client side writes are cut into events. */
export function framingOf({ client, provider }: Dialect, line: CallLine): Framing {
  const type = client.streamType?.(line) ?? 'text/event-stream';
  return (provider.framings ?? [serverSentEvents]).find(({ mediaType }) => type.startsWith(mediaType))!;
}
/** Text of a stream as bytes. */
export const bytesOf = (dialect: Dialect, text: string): Buffer =>
  Buffer.from(text, dialect.client.streamEncoding ?? 'utf8');
export const target = {
  provider: { name: 'p', quirks: { maxTokensField: 'max_tokens' } },
  model: 'm',
  defaultMaxOutputTokens: 4096,
} as unknown as Target;

/** The events as a stream's text, and where the stream then stands. */
export function renderStream(dialect: Dialect, events: readonly AnswerEvent[]) {
  const state = newStreamState();
  let text = '';
  for (const event of events) {
    text += dialect.client.renderEvent(event, state, contextOf(dialect));
    advance(state, event);
  }
  return { text, state };
}

/** A stream's text as events. */
export function readStream(dialect: Dialect, text: string, from: Target = target): AnswerEvent[] {
  const reader = dialect.provider.eventReader(from);
  const events: AnswerEvent[] = [];
  let at = 0;
  const hasCr = text.includes('\r');
  const framing = framingOf(dialect, lineOf(dialect));
  for (let end = framing.endOf(text, at, hasCr); end > 0; end = framing.endOf(text, at, hasCr)) {
    const event = framing.parse(text.slice(at, end));
    if (event.data !== '' || event.name !== '') events.push(...reader.read(event));
    at = end;
  }
  const last = text.slice(at);
  if (last.trim() !== '' && framing.parse(last + (framing.closing ?? '')).data !== '')
    throw new Error('the stream ends within an event');
  return [...events, ...reader.finish()];
}
