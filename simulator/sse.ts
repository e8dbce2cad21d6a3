import { NAN_MARK } from './figures.ts';
import type { Script } from './script.ts';

/**
 * One event of a stream. `content` frames carry exactly one piece (one token); faults are counted in them.
 * `usage` says what the frame reports, for the call's record.
 */
export interface Frame {
  kind: 'open' | 'content' | 'other' | 'finish' | 'usage' | 'done';
  event?: string;
  /** A string is sent as it is, anything else as JSON. */
  data: unknown;
  usage?: Record<string, unknown>;
  /** A line of JSON instead of an event. */
  line?: boolean;
  /** The data are the bytes to send. */
  raw?: boolean;
}

/** Renders a frame with the line ends, comments and line splitting that the script asks for. */
export function renderFrame(frame: Frame, script: Script): string | Buffer {
  const eol = script.crlf ? '\r\n' : '\n';
  if (frame.raw) return Buffer.isBuffer(frame.data) ? frame.data : String(frame.data);
  if (frame.line) return (typeof frame.data === 'string' ? frame.data : renderJson(frame.data)) + eol;
  const data = typeof frame.data === 'string' ? frame.data : renderJson(frame.data, script.multiLineData);
  let text = script.comments ? `: keep-alive${eol}${eol}` : '';
  if (frame.event !== undefined) text += `event: ${frame.event}${eol}`;
  if (script.multiLineData) for (const line of data.split('\n')) text += `data: ${line}${eol}`;
  else text += `data: ${data}${eol}`;
  return text + eol;
}

/** Renders a value as JSON; figures marked as NaN become the bare word, as careless servers send it. */
export function renderJson(value: unknown, indented = false): string {
  const json = JSON.stringify(value, undefined, indented ? 1 : 0);
  const mark = JSON.stringify(NAN_MARK);
  return json.includes(mark) ? json.replaceAll(mark, 'NaN') : json;
}
