import { connect } from 'node:net';
import type { Simulator } from './server.ts';

/** Asks the simulator in tests: whole answers by fetch, what is on the wire by a raw socket. */
export interface ProbeOptions {
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export interface RawAnswer {
  /** Everything that came, headers included. */
  text: string;
  /** The body's chunks as the sender framed them. */
  chunks: Buffer[];
  /** The error code the socket ended with, null for a clean end. */
  error: string | null;
}

/**
 * What tests look at in the answers, chunks and events of either vendor. A member is there only where the
 * vendor sends it; reading it where it is absent fails the test, as it should.
 */
export interface WireJson {
  id: string;
  object: string;
  choices: WireChoice[];
  type: string;
  message: { usage: Record<string, unknown> };
  content: { type: string; text: string }[];
  content_block?: { type: string };
  delta?: { stop_reason?: string; partial_json?: string };
  stop_reason: string;
  stop_details: { type: string };
  usage: Record<string, unknown>;
  input_tokens: number;
  has_more: boolean;
  error: { message: string; type: string; code: string };
}

interface WireChoice {
  finish_reason: string | null;
  message: { content: string; tool_calls: { function: { arguments: string } }[] };
  delta: {
    content?: string;
    reasoning_content?: string;
    tool_calls?: { index: number; function: { name: string; arguments: string } }[];
  };
}

export async function readJson<T = WireJson>(response: Promise<Response> | Response): Promise<T> {
  return (await (await response).json()) as T;
}

export const OPENAI_PATH = '/v1/chat/completions';
export const ANTHROPIC_PATH = '/v1/messages';

export function vendorHeaders(path: string): Record<string, string> {
  const type = { 'content-type': 'application/json' };
  if (path === OPENAI_PATH) return { ...type, authorization: 'Bearer key' };
  return { ...type, 'x-api-key': 'key', 'anthropic-version': '2023-06-01' };
}

export function post(
  simulator: Simulator,
  path: string,
  body: unknown,
  options: ProbeOptions = {},
): Promise<Response> {
  return fetch(simulator.url + path, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { ...vendorHeaders(path), ...options.headers },
    signal: options.signal,
  });
}

export interface ParsedEvent {
  event?: string;
  data: string;
}

/** Parses an event stream as the HTML standard says, for what the simulator can send. */
export function parseEvents(text: string): ParsedEvent[] {
  const events: ParsedEvent[] = [];
  for (const block of text.split(/\r\n\r\n|\n\n/)) {
    const data: string[] = [];
    let event: string | undefined;
    for (const line of block.split(/\r\n|\n/)) {
      if (line.startsWith('data: ')) data.push(line.slice(6));
      if (line.startsWith('event: ')) event = line.slice(7);
    }
    if (data.length > 0) events.push({ event, data: data.join('\n') });
  }
  return events;
}

/** Posts over a raw socket and reads until the socket ends, however it ends. */
export async function postRaw(
  simulator: Simulator,
  path: string,
  body: unknown,
  options: ProbeOptions = {},
): Promise<RawAnswer> {
  const json = JSON.stringify(body);
  const headers = {
    ...vendorHeaders(path),
    ...options.headers,
    host: 'simulator',
    'content-length': Buffer.byteLength(json),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const socket = connect(simulator.port, '127.0.0.1');
  const parts: Buffer[] = [];
  let error: string | null = null;
  socket.on('data', (part: Buffer) => {
    parts.push(part);
    // A stream that ends in order leaves the connection open; this one is for a single answer.
    if (Buffer.concat(parts).includes('\r\n0\r\n\r\n')) socket.end();
  });
  socket.on('error', (cause: NodeJS.ErrnoException) => (error = cause.code ?? cause.message));
  socket.write(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${json}`);
  // Not events.once(): it would reject with the very error that is looked for.
  await new Promise((resolve) => socket.once('close', resolve));
  const bytes = Buffer.concat(parts);
  return { text: bytes.toString('utf8'), chunks: readChunks(bytes), error };
}

function readChunks(bytes: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  let at = bytes.indexOf('\r\n\r\n') + 4;
  while (at >= 4 && at < bytes.length) {
    const end = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.toString('latin1', at, end), 16);
    if (end < 0 || !(size > 0)) break;
    chunks.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
  return chunks;
}

/** Waits until `holds` does; the test's own time limit ends a wait that never does. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
