import { advance, newStreamState, type AnswerEvent } from '#core/answer.ts';
import type { Dialect, RenderContext } from '#core/contracts/dialect.ts';
import { endOfEvent, parseEvent } from '#core/sse.ts';
import type { Target } from '#core/target.ts';

export const context: RenderContext = { model: 'm', exchangeId: 'X', nowS: 1, wantsUsage: true };
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
    text += dialect.client.renderEvent(event, state, context);
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
  for (let end = endOfEvent(text, at, hasCr); end > 0; end = endOfEvent(text, at, hasCr)) {
    const event = parseEvent(text.slice(at, end));
    if (event.data !== '' || event.name !== '') events.push(...reader.read(event));
    at = end;
  }
  if (at < text.length) throw new Error('the stream ends within an event');
  return [...events, ...reader.finish()];
}
