import { randomFillSync } from 'node:crypto';
import type { Inbound } from '#core/contracts/inbound.ts';
import type { Exchange } from '#core/exchange.ts';
import type { ServiceSource } from '#core/snapshot.ts';
import { traceOf } from '#core/trace-context.ts';
import { serviceSaid } from './calling-service.ts';

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Characters of chance, drawn from the system and spelt in large pieces. */
class ChancePool {
  readonly #spell: (bytes: Buffer) => string;
  readonly #bytes = Buffer.alloc(4096);
  #text = '';
  #used = 0;

  constructor(spell: (bytes: Buffer) => string) {
    this.#spell = spell;
  }

  take(characters: number): string {
    if (this.#used + characters > this.#text.length) {
      this.#text = this.#spell(randomFillSync(this.#bytes));
      this.#used = 0;
    }
    this.#used += characters;
    return this.#text.slice(this.#used - characters, this.#used);
  }
}

const hex = new ChancePool((bytes) => bytes.toString('hex'));
const base32 = new ChancePool((bytes) => {
  const spelt = Buffer.from(bytes);
  for (let i = 0; i < spelt.length; i++) spelt[i] = alphabet.charCodeAt(spelt[i]! & 31);
  return spelt.toString('latin1');
});

let stampMs = -1;
let stamp = '';

/** A ULID: 48 bits of milliseconds, 80 bits of chance, in Crockford base 32; sorts by time. */
export function newExchangeId(nowMs: number): string {
  if (nowMs !== stampMs) {
    stampMs = nowMs;
    stamp = '';
    for (let i = 0, time = nowMs; i < 10; i++, time = Math.floor(time / 32))
      stamp = alphabet[time % 32]! + stamp;
  }
  return stamp + base32.take(16);
}

export function openExchange(inbound: Inbound, nowMs: number, asked: ServiceSource | null = null): Exchange {
  const { head } = inbound;
  const id = newExchangeId(nowMs);
  const service = serviceSaid(head, asked);
  return {
    id,
    admittedAtMs: nowMs,
    head,
    inbound,
    trace: traceOf(head.headers, (digits) => hex.take(digits)),
    routeName: '',
    dialectName: 'raw-http',
    consumer: null,
    ...(service !== undefined ? { service } : {}),
    claims: null,
    brief: null,
    meteredAs: null,
    countedModel: '',
    modelNames: [],
    json: null,
    conversation: null,
    revise: null,
    readCall: null,
    estimatedInput: 0,
    requestBytes: head.contentLength ?? 0,
    body: null,
    socket: null,
    answerHeaders: [],
    consumedHeaders: asked?.header && !asked.forward ? [asked.header] : [],
    consumedParameter: null,
    upstreamHeaders: [],
    shortAnswer: null,
    recorders: [],
    replayOf: null,
    queuedMs: 0,
    waits: null,
    limits: null,
    allowance: null,
    downgradedTo: null,
    reserved: [],
    flows: [],
    attempts: [],
    losses: [],
    strict: false,
    notes: null,
    status: 0,
    fault: null,
    outcome: 'completed',
    firstContentAtMs: null,
  };
}
