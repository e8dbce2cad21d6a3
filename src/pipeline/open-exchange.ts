import { randomFillSync } from 'node:crypto';
import type { Inbound } from '#core/contracts/inbound.ts';
import type { Exchange } from '#core/exchange.ts';
import { headerOf } from '#core/head.ts';

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const pool = Buffer.alloc(4096);
let used = pool.length;

/** Bytes of chance, drawn from the system in large pieces. */
function randomBytes(count: number): Buffer {
  if (used + count > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += count;
  return pool.subarray(used - count, used);
}

/** A ULID: 48 bits of milliseconds, 80 bits of chance, in Crockford base 32; sorts by time. */
export function newExchangeId(nowMs: number): string {
  let id = '';
  let time = nowMs;
  for (let i = 0; i < 10; i++) {
    id = alphabet[time % 32]! + id;
    time = Math.floor(time / 32);
  }
  const chance = randomBytes(16);
  for (let i = 0; i < 16; i++) id += alphabet[chance[i]! & 31];
  return id;
}

const traceparent = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** W3C Trace Context: a valid parent is continued, anything else begins a new trace. */
function traceOf(header: string | undefined): Exchange['trace'] {
  const match = header === undefined ? null : traceparent.exec(header);
  const valid = match && !/^0+$/.test(match[1]!) && !/^0+$/.test(match[2]!);
  const spanId = randomBytes(8).toString('hex');
  return valid
    ? { traceId: match[1]!, spanId, parent: match[2]!, flags: match[3]! }
    : { traceId: randomBytes(16).toString('hex'), spanId, parent: null, flags: '01' };
}

export function openExchange(inbound: Inbound, nowMs: number): Exchange {
  const { head } = inbound;
  const id = newExchangeId(nowMs);
  return {
    id,
    admittedAtMs: nowMs,
    head,
    inbound,
    trace: traceOf(headerOf(head.headers, 'traceparent')),
    routeName: '',
    dialectName: 'raw-http',
    consumer: null,
    brief: null,
    json: null,
    estimatedInput: 0,
    requestBytes: head.contentLength ?? 0,
    answerHeaders: [],
    consumedHeaders: [],
    upstreamHeaders: [],
    shortAnswer: null,
    limits: null,
    reserved: [],
    settlements: [],
    flows: [],
    attempts: [],
    losses: [],
    strict: false,
    status: 0,
    fault: null,
    outcome: 'completed',
    firstContentAtMs: null,
  };
}
