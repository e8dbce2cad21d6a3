import type { OpenChannel } from './channel.ts';
import { HttpChannel } from './http-channel.ts';
import type { ToolEndpoint } from './endpoint.ts';
import type { HeldCalls } from './held-calls.ts';
import { callHttp } from './http-call.ts';
import { PeerSession } from './peer-session.ts';
import { SessionPool } from './session-pool.ts';
import { SessionSource } from './session-source.ts';
import { ModernRemote } from './modern-remote.ts';
import { SseChannel } from './sse-channel.ts';
import type { Ask, Hearing, ToolSource } from './tool-source.ts';
import { codes, metaOf, modernVersion, readMessage, request, type Outcome } from './wire.ts';

export type Era = 'modern' | 'legacy' | 'sse';

const modernErrors: ReadonlySet<number> = new Set([
  codes.headerMismatch,
  codes.missingCapability,
  codes.unsupportedVersion,
]);

/** A server over HTTP, of whichever era it is. Which one is found out by the first request. */
export class RemoteSource implements ToolSource {
  readonly #endpoint: ToolEndpoint;
  readonly #held: HeldCalls;
  readonly #shared: boolean;
  #source: Promise<ToolSource> | null = null;
  #opened: SessionSource | null = null;

  /** `era`: null where it is to be found out. `shared`: callers share sessions. */
  constructor(
    endpoint: ToolEndpoint,
    held: HeldCalls,
    { era, shared }: { readonly era: Era | null; readonly shared: boolean },
  ) {
    this.#endpoint = endpoint;
    this.#held = held;
    this.#shared = shared;
    if (era) this.#source = Promise.resolve(this.#of(era));
  }

  async ask(ask: Ask, hearing: Hearing): Promise<Outcome> {
    const source = (this.#source ??= this.#find().catch((thrown: unknown) => {
      this.#source = null;
      throw thrown;
    }));
    return (await source).ask(ask, hearing);
  }

  retire(): void {
    this.#opened?.retire();
  }

  close(): void {
    this.#opened?.close();
  }

  #of(era: Era): ToolSource {
    if (era === 'modern') return new ModernRemote(this.#endpoint);
    const endpoint = this.#endpoint;
    const channel: OpenChannel = (receiver) =>
      era === 'sse' ? new SseChannel(endpoint, receiver) : new HttpChannel(endpoint, receiver);
    const pool = new SessionPool((hello) => PeerSession.open(channel, hello), {
      shared: this.#shared,
      most: 200,
    });
    return (this.#opened = new SessionSource(pool, this.#held));
  }

  /**
   * A modern server answers `server/discover`, or errs in modern words; one that does not is asked for a handshake, and one that takes
   * no POST for a stream of events
   * (https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#backward-compatibility).
   */
  async #find(): Promise<ToolSource> {
    let isModern = false;
    const params = {
      _meta: {
        [metaOf.version]: modernVersion,
        [metaOf.capabilities]: {},
        [metaOf.client]: { name: 'sluice', version: '1' },
      },
    };
    const head = await callHttp(
      this.#endpoint,
      {
        method: 'POST',
        headers: [
          ...['content-type', 'application/json', 'accept', 'application/json, text/event-stream'],
          ...['mcp-protocol-version', modernVersion, 'mcp-method', 'server/discover'],
        ],
        body: JSON.stringify(request({ id: 1, method: 'server/discover', params })),
        signal: AbortSignal.timeout(30_000),
      },
      {
        onMessage(came) {
          const message = readMessage(came);
          isModern ||= message?.kind === 'result' && Array.isArray(message.result['supportedVersions']);
          isModern ||= message?.kind === 'error' && modernErrors.has(message.error.code);
        },
      },
    );
    if (isModern) return this.#of('modern');
    return this.#of(head.status === 404 || head.status === 405 ? 'sse' : 'legacy');
  }
}
