import { Socket } from 'node:net';
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { BodySink } from './body-sink.ts';
import type { CallEnd, SimulatedCall } from './call-log.ts';
import type { ClientWatch } from './client-watch.ts';
import type { FaultPoint, Script } from './script.ts';
import { renderFrame } from './sse.ts';
import type { Frame } from './sse.ts';

/** One answer under way. */
export interface Reply {
  response: ServerResponse;
  watch: ClientWatch;
  call: SimulatedCall;
  script: Script;
  acceptsGzip: boolean;
  /** What the vendor adds to every answer. */
  headers: Record<string, string>;
  /** Of streams, where they are no server-sent events. */
  streamType?: string;
}

/** Breaks a reply off where the script says so; answers the way it ended, or undefined to go on. */
async function strike(reply: Reply, point: FaultPoint, sink?: BodySink): Promise<CallEnd | undefined> {
  const { script, response } = reply;
  if (script.resetAt === point) {
    await sink?.flush();
    return finish(reply, 'reset', () => resetSocket(response));
  }
  if (script.hangUpAt === point || (script.closeAt === point && !sink)) {
    await sink?.flush();
    return finish(reply, 'hung-up', () => response.socket?.end());
  }
  if (script.closeAt === point && sink) {
    reply.call.finished = 'closed';
    await sink.end();
    return 'closed';
  }
  if (script.stallAt === point) {
    reply.call.finished = 'stalled';
    await reply.watch.untilGone();
    return 'stalled';
  }
  return undefined;
}

function finish(reply: Reply, end: CallEnd, act: () => void): CallEnd {
  if (reply.watch.gone) return reply.call.finished;
  reply.call.finished = end;
  act();
  return end;
}

function resetSocket(response: ServerResponse): void {
  const socket = response.socket;
  if (!socket) return;
  // A TLS socket cannot send a reset itself; ending it without its goodbye is the nearest.
  if ('encrypted' in socket || !(socket instanceof Socket)) socket.destroy();
  else socket.resetAndDestroy();
}

/**
 * Sends frames as an event stream, at the script's pace and with its faults, and keeps the call's record.
 * `errorFrame` is the vendor's error for `errorInStreamAt`.
 */
export async function deliverStream(reply: Reply, frames: Iterable<Frame>, errorFrame: Frame): Promise<void> {
  const { script, watch, call } = reply;
  if (!(await watch.wait(script.latencyMs ?? 0)) || (await strike(reply, 0))) return;
  if (script.contentLengthShort || script.contentLengthLong) {
    const body: Buffer[] = [];
    for (const frame of frames) {
      body.push(Buffer.from(renderFrame(frame, script) as string));
      recordFrame(call, frame);
    }
    return sendWhole(reply, {
      body: Buffer.concat(body),
      contentType: reply.streamType ?? eventStreamType(script),
      status: 200,
      usage: call.usage,
    });
  }
  const sink = openSink(reply);
  if (await strike(reply, 'headers', sink)) return;
  const faulty = [
    script.errorInStreamAt,
    script.malformedAt,
    script.resetAt,
    script.hangUpAt,
    script.closeAt,
    script.stallAt,
  ];
  const breaks = faulty.some((point) => point !== undefined);
  let contentSeen = 0;

  /** Answers false when the stream ended at this point. */
  const pass = async (point: FaultPoint): Promise<boolean> => {
    if (script.malformedAt === point)
      await sink.write(
        renderFrame({ kind: 'other', data: MALFORMED, line: errorFrame.line, raw: errorFrame.raw }, script),
      );
    if (script.errorInStreamAt === point) {
      call.finished = 'error-frame';
      await sink.write(renderFrame(errorFrame, script));
      await sink.end();
      return false;
    }
    // Point 0 of the faults of a connection lies before the headers and has been passed there.
    return point === 0 || !(await strike(reply, point, sink));
  };

  for (const frame of frames) {
    const isContent = frame.kind === 'content';
    if (isContent) {
      const pauseMs = contentSeen === 0 ? (script.firstChunkMs ?? script.paceMs ?? 0) : (script.paceMs ?? 0);
      if (pauseMs > 0 && !(await watch.wait(pauseMs))) return;
      if (contentSeen === 0 && breaks && !(await pass(0))) return;
    } else if (breaks && (frame.kind === 'finish' || frame.kind === 'usage' || frame.kind === 'done')) {
      if (!(await pass(frame.kind))) return;
    }
    // Recorded before it is written: a client that has read a frame must find it in the record.
    recordFrame(call, frame);
    const there = sink.write(renderFrame(frame, script));
    if (there !== true && !(await there)) return;
    if (isContent && ++contentSeen && breaks && !(await pass(contentSeen))) return;
  }
  call.finished = 'complete';
  await sink.end();
}

const MALFORMED = '{"id":"sim-malformed","choices":[{"index":0,"del';

function recordFrame(call: SimulatedCall, frame: Frame): void {
  if (frame.kind === 'content') {
    call.chunks++;
    call.tokensGenerated++;
  }
  if (frame.usage) call.usage = frame.usage;
}

function openSink(reply: Reply): BodySink {
  const { response, script, call } = reply;
  const gzip = Boolean(script.gzip && (reply.acceptsGzip || script.gzip === 'always'));
  writeHead(reply, 200, {
    'content-type': reply.streamType ?? eventStreamType(script),
    'cache-control': 'no-cache',
    ...(gzip && { 'content-encoding': 'gzip' }),
  });
  call.stream = true;
  response.flushHeaders();
  return new BodySink(response, reply.watch, { splitAt: script.splitAt, gzip });
}

function eventStreamType({ contentTypeCharset }: Script): string {
  if (!contentTypeCharset) return 'text/event-stream';
  return `text/event-stream; charset=${contentTypeCharset === true ? 'utf-8' : contentTypeCharset}`;
}

function writeHead(reply: Reply, status: number, headers: Record<string, string | number>): void {
  const { response } = reply;
  reply.call.status = status;
  response.statusCode = status;
  for (const [name, value] of Object.entries({ ...reply.headers, ...headers }))
    response.setHeader(name, value);
  if (!reply.script.closeDelimited) return;
  response.setHeader('connection', 'close');
  response.removeHeader('transfer-encoding');
  response.removeHeader('content-length');
}

export interface JsonAnswer {
  status: number;
  json: string;
  /** Made first, at the script's pace, while the client waits. */
  tokens?: number;
  /** What the body reports, for the record. */
  usage?: Record<string, unknown> | null;
  /** Of what is no JSON after all. */
  contentType?: string;
}

/** Sends a JSON answer. If the client leaves meanwhile, the record says how many tokens had been made by then. */
export async function deliverJson(reply: Reply, answer: JsonAnswer): Promise<void> {
  const { script, watch, call } = reply;
  const tokens = answer.tokens ?? 0;
  if (!(await watch.wait(script.latencyMs ?? 0)) || (await strike(reply, 0))) return;
  for (let made = 0; made < tokens && script.paceMs; made++) {
    if (!(await watch.wait(made === 0 ? (script.firstChunkMs ?? script.paceMs) : script.paceMs))) return;
    call.tokensGenerated++;
  }
  call.tokensGenerated = tokens;
  const charset = script.contentTypeCharset;
  const contentType =
    answer.contentType ??
    (charset ? `application/json; charset=${charset === true ? 'utf-8' : charset}` : 'application/json');
  const { status, usage = null } = answer;
  await sendWhole(reply, { body: Buffer.from(answer.json), contentType, status, usage });
}

interface WholeBody {
  body: Buffer;
  contentType: string;
  status: number;
  usage: Record<string, unknown> | null;
}

async function sendWhole(reply: Reply, { body, contentType, status, usage }: WholeBody): Promise<void> {
  const { script, watch, response, call } = reply;
  const gzip = Boolean(script.gzip && reply.acceptsGzip);
  const bytes = gzip ? gzipSync(body) : body;
  const declared = declareLength(script, bytes.length);
  writeHead(reply, status, {
    'content-type': contentType,
    ...(gzip && { 'content-encoding': 'gzip' }),
    ...(!script.closeDelimited && { 'content-length': declared }),
  });
  const sink = new BodySink(response, watch, { splitAt: script.splitAt, gzip: false });
  const faults: (FaultPoint | undefined)[] = [
    script.resetAt,
    script.hangUpAt,
    script.closeAt,
    script.stallAt,
  ];
  const point = faults.find((fault) => fault !== undefined && fault !== 0);
  if (point !== undefined) {
    response.flushHeaders();
    if (point !== 'headers') await sink.write(bytes.subarray(0, bytes.length >> 1));
    // A body of declared length has no clean early end, only a hang-up.
    if (script.closeAt === point) {
      await sink.flush();
      finish(reply, 'closed', () => response.socket?.end());
    } else await strike(reply, point, sink);
    return;
  }
  // Recorded before it is written: a client that has read the answer must find it in the record.
  call.usage = usage;
  call.finished = status >= 400 ? 'refused' : 'complete';
  if (declared === bytes.length && script.splitAt === undefined) {
    response.end(bytes);
    return;
  }
  await sink.write(bytes);
  if (declared === bytes.length) return sink.end();
  await sink.flush();
  finish(reply, 'closed', () => response.socket?.end());
}

function declareLength(script: Script, actual: number): number {
  const by = (lie: boolean | number): number => (typeof lie === 'number' ? lie : 5);
  if (script.contentLengthShort) return Math.max(0, actual - by(script.contentLengthShort));
  if (script.contentLengthLong) return actual + by(script.contentLengthLong);
  return actual;
}
