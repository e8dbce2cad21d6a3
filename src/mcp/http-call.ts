import { StringDecoder } from 'node:string_decoder';
import type { UpstreamCall, UpstreamSink } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import { parseJson } from '#core/parse-json.ts';
import { endOfEvent, parseEvent } from '#core/sse.ts';
import type { SseEvent } from '#core/sse-event.ts';
import type { ToolEndpoint } from './endpoint.ts';

/** Characters that a message may have: what is larger is no answer that somebody could use. */
const mostCharacters = 32 * 1024 * 1024;

export interface HttpHead {
  readonly status: number;
  readonly headers: HeaderList;
}

export interface HttpWish {
  readonly method: 'POST' | 'GET' | 'DELETE';
  readonly headers: HeaderList;
  readonly body: string | null;
  /** In place of the endpoint's. */
  readonly path?: string;
  /** A stream that may be silent as long as it likes. */
  readonly endless?: true;
  readonly signal: AbortSignal;
}

/** What is heard of an answer: its head, then its messages, if it has any. */
export interface HttpHearing {
  onHead?(head: HttpHead): void;
  onMessage(message: unknown, event: SseEvent | null): void;
}

/**
 * One call of a server, whose answer is a message or a stream of them. Resolves with the head when the answer is over.
 * @throws Fault when it does not come to its end; `client/gone` when it was given up.
 */
export function callHttp(endpoint: ToolEndpoint, wish: HttpWish, hearing: HttpHearing): Promise<HttpHead> {
  return new Promise((resolve, reject) => {
    if (wish.signal.aborted) return reject(givenUp());
    const reader = new MessageReader(endpoint.name, hearing);
    let call: UpstreamCall | null = null;
    const leave = () => {
      call?.cancel();
      reject(givenUp());
    };
    wish.signal.addEventListener('abort', leave, { once: true });
    const over = (settle: () => void) => {
      wish.signal.removeEventListener('abort', leave);
      settle();
    };
    const guard = (work: () => void) => {
      try {
        work();
      } catch (thrown) {
        call?.cancel();
        over(() => reject(thrown as Error));
      }
    };
    const sink: UpstreamSink = {
      onHead: (status, headers) => guard(() => reader.begin({ status, headers })),
      onData: (chunk) => guard(() => reader.take(chunk)),
      onEnd: () => guard(() => over(() => resolve(reader.end()))),
      onFault: (fault) => over(() => reject(fault)),
    };
    const { timeouts } = endpoint;
    call = endpoint.upstream.start(
      {
        origin: endpoint.origin,
        method: wish.method,
        path: wish.path ?? endpoint.path,
        headers: [...endpoint.headers, 'accept-encoding', 'identity', ...wish.headers],
        body: wish.body === null ? null : Buffer.from(wish.body),
        timeouts: wish.endless ? { ...timeouts, idleMs: 0, totalMs: 0 } : timeouts,
        idempotent: wish.method !== 'POST',
        upgrade: null,
      },
      sink,
    );
  });
}

const givenUp = (): Fault => new Fault('client/gone', 'Nobody waits for the answer any more.');

/** Puts bytes together to messages: one of JSON, or the events of a stream. */
class MessageReader {
  readonly #server: string;
  readonly #hearing: HttpHearing;
  readonly #decoder = new StringDecoder('utf8');
  #head: HttpHead = { status: 0, headers: [] };
  #kind: 'json' | 'events' | 'other' = 'other';
  #text = '';

  constructor(server: string, hearing: HttpHearing) {
    this.#server = server;
    this.#hearing = hearing;
  }

  begin(head: HttpHead): void {
    this.#head = head;
    const type = (headerOf(head.headers, 'content-type') ?? '').toLowerCase();
    if (type.startsWith('text/event-stream')) this.#kind = 'events';
    else if (type.startsWith('application/json')) this.#kind = 'json';
    this.#hearing.onHead?.(head);
  }

  take(chunk: Buffer): void {
    if (this.#kind === 'other') return;
    this.#text += this.#decoder.write(chunk);
    if (this.#kind === 'events') this.#events();
    if (this.#text.length <= mostCharacters) return;
    const message = `A message of ${this.#server} is larger than ${mostCharacters} characters.`;
    throw new Fault('upstream/answer-too-large', message);
  }

  end(): HttpHead {
    if (this.#kind === 'json' && this.#text !== '') this.#hearing.onMessage(this.#parse(this.#text), null);
    return this.#head;
  }

  #events(): void {
    let from = 0;
    const hasCr = this.#text.includes('\r');
    for (let end = endOfEvent(this.#text, from, hasCr); end >= 0; end = endOfEvent(this.#text, from, hasCr)) {
      const event = parseEvent(this.#text.slice(from, end));
      from = end;
      if (event.data === '') continue;
      const isMessage = event.name === '' || event.name === 'message';
      this.#hearing.onMessage(isMessage ? this.#parse(event.data) : null, event);
    }
    this.#text = this.#text.slice(from);
  }

  #parse(text: string): unknown {
    try {
      return parseJson(text);
    } catch (cause) {
      throw new Fault('upstream/malformed-answer', `${this.#server} sent a message that is not JSON.`, {
        cause,
      });
    }
  }
}
