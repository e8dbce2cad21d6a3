/** Server-sent events (WHATWG HTML §9.2): where one ends, and what its lines say. */
import type { Framing } from './contracts/framing.ts';
import type { SseEvent } from './sse-event.ts';

/**
 * Index after the blank line that ends the event which begins at `from`, or -1 when it is not complete. Lines may end in
 * LF, CRLF or CR. A CR at the very end may yet be followed by its LF, so it does not complete an event.
 */
export function endOfEvent(text: string, from: number, hasCr: boolean): number {
  if (!hasCr) {
    const at = text.indexOf('\n\n', from);
    return at < 0 ? -1 : at + 2;
  }
  let at = from;
  let lineStart = from;
  while (at < text.length) {
    const c = text.charCodeAt(at);
    if (c !== 0x0a && c !== 0x0d) {
      at++;
      continue;
    }
    if (c === 0x0d && at + 1 === text.length) return -1;
    const next = c === 0x0d && text.charCodeAt(at + 1) === 0x0a ? at + 2 : at + 1;
    if (at === lineStart) return next;
    lineStart = next;
    at = next;
  }
  return -1;
}

/** Understands one event's text (up to and with its blank line). Comments and unknown fields are left out. */
export function parseEvent(text: string): SseEvent {
  // Nearly every event of a model's stream is one unnamed line.
  if (text.startsWith('data: ') && text.endsWith('\n\n') && text.indexOf('\n') === text.length - 2) {
    if (!text.includes('\r')) return { name: '', data: text.slice(6, -2) };
  }
  const named = text.startsWith('event: ') ? text.indexOf('\n') : -1;
  // Others' nearly all have a line with their name before it.
  if (
    named > 0 &&
    text.startsWith('data: ', named + 1) &&
    text.indexOf('\n', named + 1) === text.length - 2
  ) {
    if (!text.includes('\r')) return { name: text.slice(7, named), data: text.slice(named + 7, -2) };
  }
  let name = '';
  let data: string | null = null;
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (line === '' || line.startsWith(':')) continue;
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    if (field === 'event') name = value;
    else if (field === 'data') data = data === null ? value : `${data}\n${value}`;
  }
  return { name, data: data ?? '' };
}

export const serverSentEvents: Framing = {
  mediaType: 'text/event-stream',
  encoding: 'utf8',
  endOf: endOfEvent,
  parse: parseEvent,
  closing: '\n\n',
};
