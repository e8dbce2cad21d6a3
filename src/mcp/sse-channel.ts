import type { JsonObject } from '#core/call.ts';
import { Fault, faultFrom } from '#core/fault.ts';
import type { Channel, Receiver } from './channel.ts';
import type { ToolEndpoint } from './endpoint.ts';
import { callHttp } from './http-call.ts';

/**
 * HTTP with server-sent events as of 2024: one stream says where to POST, and carries all that comes back
 * (https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse).
 */
export class SseChannel implements Channel {
  readonly #endpoint: ToolEndpoint;
  readonly #closed = new AbortController();
  readonly #place: Promise<string>;

  constructor(endpoint: ToolEndpoint, receiver: Receiver) {
    this.#endpoint = endpoint;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#place = promise;
    const lose = (fault: Fault) => {
      reject(fault);
      receiver.fail(fault);
    };
    promise.catch(() => undefined);
    const headers = ['accept', 'text/event-stream'];
    const wish = { method: 'GET', headers, body: null, endless: true, signal: this.#closed.signal } as const;
    callHttp(endpoint, wish, {
      onMessage: (came, event) => {
        if (event?.name === 'endpoint') resolve(this.#placeOf(event.data));
        else if (came !== null) receiver.receive(came, null);
      },
    }).then(
      ({ status }) =>
        lose(new Fault('upstream/closed', `The stream of "${endpoint.name}" has ended (HTTP ${status}).`)),
      (thrown: unknown) => lose(faultFrom(thrown)),
    );
  }

  async send(message: JsonObject, signal: AbortSignal): Promise<void> {
    const path = await this.#place;
    const head = await callHttp(
      this.#endpoint,
      {
        method: 'POST',
        path,
        headers: ['content-type', 'application/json'],
        body: JSON.stringify(message),
        signal,
      },
      { onMessage() {} },
    );
    if (head.status < 300) return;
    throw new Fault(
      'upstream/refused',
      `"${this.#endpoint.name}" has refused a message (HTTP ${head.status}).`,
    );
  }

  opened(): void {}

  close(): void {
    this.#closed.abort();
  }

  /** Of the same origin, and no other: what it is sent has the credential of this one. */
  #placeOf(said: string): string {
    const { secure, host, port } = this.#endpoint.origin;
    const base = new URL(`${secure ? 'https' : 'http'}://${host}:${port}${this.#endpoint.path}`);
    const url = new URL(said, base);
    if (url.origin !== base.origin)
      throw new Fault(
        'upstream/malformed-answer',
        `"${this.#endpoint.name}" sends its callers to another origin.`,
      );
    return url.pathname + url.search;
  }
}
