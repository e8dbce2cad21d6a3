import type { Exchange } from '#core/exchange.ts';
import type { HeaderList } from '#core/head.ts';
import { answerHeaders } from './answer-headers.ts';
import { encodeAnswer } from './encode-answer.ts';
import { encodeWhole } from './encode-whole.ts';
import type { Answer } from './held-answer.ts';
import type { Passage } from './passage.ts';

export type { Answer };

/** The client is gone, or has been given everything. */
export const nothingLeft: Answer = { release() {}, abandon() {} };

export interface WholeAnswer {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Buffer | string | null;
  readonly trailers?: HeaderList;
}

/** An answer in one piece: nothing of it goes out before the release. */
export function wholeAnswer(passage: Passage, whole: WholeAnswer): Answer {
  passage.exchange.status = whole.status;
  const headers = answerHeaders(passage, whole.status, whole.headers);
  if (whole.body === null || passage.route.encodeAnswer.length === 0)
    return new HeldAnswer(passage.exchange, { ...whole, headers });
  const { status, body } = whole;
  const plain = { status, headers, lengthBytes: Buffer.byteLength(body) };
  const encoded = encodeAnswer(passage, plain);
  const answer = new HeldAnswer(passage.exchange, { ...whole, headers: encoded?.headers ?? headers });
  const open = encoded?.open;
  if (!open) return answer;
  answer.prepare = async () => {
    try {
      answer.whole = { ...whole, headers: encoded.headers, body: await encodeWhole(open, body) };
    } catch (error) {
      passage.gateway.observer.failed(passage.exchange, error);
      answer.whole = { ...whole, headers };
    }
  };
  return answer;
}

class HeldAnswer implements Answer {
  whole: WholeAnswer;
  prepare?: () => Promise<void>;
  readonly #exchange: Exchange;

  constructor(exchange: Exchange, whole: WholeAnswer) {
    this.#exchange = exchange;
    this.whole = whole;
  }

  get heldBytes(): number {
    const { body, status } = this.whole;
    if (body === null || status === 204 || status === 304 || this.#exchange.head.method === 'HEAD') return 0;
    return this.#exchange.inbound.gone ? 0 : Buffer.byteLength(body);
  }

  release(): void {
    const { inbound } = this.#exchange;
    const { status, headers, body, trailers } = this.whole;
    if (!trailers?.length) return inbound.respond(status, headers, body);
    inbound.begin(status, headers);
    if (body !== null && body.length > 0) inbound.write(body);
    inbound.end(true, trailers);
  }

  abandon(): void {
    const { inbound, id } = this.#exchange;
    inbound.respond(503, ['retry-after', '5', 'x-sluice-exchange', id], null);
  }
}

/** What a policy answered by itself. */
export function shortAnswer(passage: Passage, short: NonNullable<Exchange['shortAnswer']>): Answer {
  return wholeAnswer(passage, short);
}
