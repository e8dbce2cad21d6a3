import type { JsonObject } from '#core/call.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import { faultFrom } from '#core/fault.ts';
import { SessionGone, type Channel, type Receiver } from './channel.ts';
import type { ToolEndpoint } from './endpoint.ts';
import { callHttp } from './http-call.ts';
import { noAnswer } from './modern-remote.ts';
import { readMessage } from './wire.ts';

const firstPauseMs = 500;
const longestPauseMs = 30_000;

/**
 * Streamable HTTP as it was before 2026: a POST for each message, and a GET for what the server says unasked
 * (https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http).
 */
export class HttpChannel implements Channel {
  readonly #endpoint: ToolEndpoint;
  readonly #receiver: Receiver;
  readonly #closed = new AbortController();
  #session: string | null = null;
  #version: string | null = null;

  constructor(endpoint: ToolEndpoint, receiver: Receiver) {
    this.#endpoint = endpoint;
    this.#receiver = receiver;
  }

  async send(sent: JsonObject, signal: AbortSignal): Promise<void> {
    const message = readMessage(sent);
    const id = message?.kind === 'request' ? message.id : null;
    let answered = id === null;
    const head = await callHttp(
      this.#endpoint,
      {
        method: 'POST',
        headers: [
          'content-type',
          'application/json',
          ...this.#headers('application/json, text/event-stream'),
        ],
        body: JSON.stringify(sent),
        endless: true,
        signal: AbortSignal.any([signal, this.#closed.signal]),
      },
      {
        onHead: ({ headers }) => {
          this.#session ??= headerOf(headers, 'mcp-session-id') ?? null;
        },
        onMessage: (came) => {
          const { kind, id: of } = (readMessage(came) ?? {}) as { kind?: string; id?: unknown };
          if ((kind === 'result' || kind === 'error') && of === id) answered = true;
          this.#receiver.receive(came, id);
        },
      },
    );
    if (head.status === 404 && this.#session !== null) throw new SessionGone();
    const method = message && 'method' in message ? message.method : 'an answer';
    if (!answered || (id === null && head.status >= 300))
      throw noAnswer(this.#endpoint.name, method, head.status);
  }

  opened(version: string): void {
    this.#version = version;
    void this.#listen();
  }

  close(): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    if (this.#session === null) return;
    const signal = AbortSignal.timeout(5000);
    const wish = { method: 'DELETE', headers: this.#headers('*/*'), body: null, signal } as const;
    // Whether the server forgets it now or later is its own affair.
    callHttp(this.#endpoint, wish, { onMessage() {} }).catch(() => undefined);
  }

  async #listen(): Promise<void> {
    let pauseMs = firstPauseMs;
    const { signal } = this.#closed;
    while (!signal.aborted) {
      try {
        const wish = { method: 'GET', headers: this.#headers('text/event-stream'), body: null } as const;
        const head = await callHttp(
          this.#endpoint,
          { ...wish, endless: true, signal },
          {
            onMessage: (came) => {
              pauseMs = firstPauseMs;
              if (came !== null) this.#receiver.receive(came, null);
            },
          },
        );
        // It has no such stream, or has forgotten the session.
        if (head.status >= 400 && head.status < 500) return;
      } catch (thrown) {
        if (signal.aborted || !faultFrom(thrown).retryable) return;
      }
      await new Promise<void>((resolve) => setTimeout(resolve, pauseMs).unref());
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  }

  #headers(accept: string): HeaderList {
    return [
      ...['accept', accept],
      ...(this.#session === null ? [] : ['mcp-session-id', this.#session]),
      ...(this.#version === null ? [] : ['mcp-protocol-version', this.#version]),
    ];
  }
}
