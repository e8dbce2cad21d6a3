import type {
  RawSocket,
  Upstream,
  UpstreamCall,
  UpstreamRequest,
  UpstreamSink,
} from '#core/contracts/upstream.ts';
import type { AttemptRecord } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { hideCredential } from '#core/hide-credential.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import type { LlmRoute } from '#core/snapshot.ts';
import type { Target } from '#core/target.ts';
import { nothingLeft, type Answer } from '../answer.ts';
import type { ModelCall } from '../model-call.ts';
import type { Passage } from '../passage.ts';
import { retryAfterMs } from '#core/retry-after.ts';
import { openWebSocket } from './open-websocket.ts';
import { SessionCalls } from './session-calls.ts';

export interface SessionAttemptParts {
  readonly passage: Passage;
  readonly call: ModelCall;
  readonly record: AttemptRecord;
  readonly target: Target;
}

const maxErrorBytes = 256 * 1024;

/** One target asked for a session: the WebSocket to its end, or a fault. */
export class SessionAttempt implements UpstreamSink {
  readonly #parts: SessionAttemptParts;
  #call: UpstreamCall | null = null;
  #status = 0;
  #headers: HeaderList = [];
  #chunks: Buffer[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #over = false;
  #resolve!: (answer: Answer) => void;
  #reject!: (fault: Fault) => void;

  constructor(parts: SessionAttemptParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when both connections have ended and what was used is on record.
   * @throws Fault when there is no session
   */
  run(upstream: Upstream, request: UpstreamRequest, deadlineMs: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#parts.passage.exchange.inbound.onGone(() => {
        this.#call?.cancel();
        this.#fail(new Fault('client/gone', 'The client hung up before its session was open.'));
      });
      if (this.#over) return;
      if (deadlineMs > 0) this.#timer = setTimeout(() => this.#late(deadlineMs), deadlineMs);
      this.#call = upstream.start(request, this);
    });
  }

  onHead(status: number, headers: HeaderList): void {
    const { record, call, passage } = this.#parts;
    this.#clearTimer();
    this.#status = record.status = status;
    this.#headers = headers;
    record.upstreamId = headerOf(headers, call.dialect.provider.requestIdHeader) ?? null;
    if (status >= 400) record.retryAfterMs = retryAfterMs(headers, passage.gateway.clock.nowMs());
  }

  onData(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes <= maxErrorBytes) this.#chunks.push(Buffer.from(chunk));
    else this.#call?.cancel();
    if (this.#bytes > maxErrorBytes) this.onEnd();
  }

  onEnd(): void {
    const { provider } = this.#parts.call.dialect;
    if (this.#status >= 300) {
      const said = hideCredential(this.#parts.target.provider, Buffer.concat(this.#chunks));
      return this.onFault(provider.parseFault(this.#status, this.#headers, said));
    }
    const message = `The upstream answered the WebSocket handshake with ${this.#status}, not with 101.`;
    this.onFault(new Fault('upstream/protocol', message));
  }

  onFault(fault: Fault): void {
    this.#parts.record.fault = fault;
    this.#fail(fault);
  }

  onUpgrade(headers: HeaderList, socket: RawSocket, firstBytes: Buffer): void {
    this.#clearTimer();
    const { passage, record } = this.#parts;
    record.upstreamId = headerOf(headers, this.#parts.call.dialect.provider.requestIdHeader) ?? null;
    const calls = new SessionCalls(this.#parts);
    const fault = openWebSocket(
      passage,
      record,
      { headers, upstream: { socket, firstBytes } },
      {
        rules: { upgrade: true, websocket: (passage.route.route as LlmRoute).websocket },
        onMessage: (_, payload) => calls.take(payload),
        onSaid: calls.readsClient ? (_, payload) => calls.hear(payload) : undefined,
        onOpen: (relay) => (calls.relay = relay),
        onOver: () => {
          // Each response has a receipt of its own.
          record.work = 'none';
          void calls.over().then(() => this.#complete());
        },
      },
    );
    if (!fault) return;
    socket.destroy();
    this.onFault(fault);
  }

  #late(afterMs: number): void {
    this.#call?.cancel();
    const message = `${this.#parts.record.provider} did not open a session within ${Math.round(afterMs)} ms (retries).`;
    this.onFault(new Fault('upstream/header-timeout', message));
  }

  #complete(): void {
    if (this.#over) return;
    this.#over = true;
    this.#resolve(nothingLeft);
  }

  #fail(fault: Fault): void {
    if (this.#over) return;
    this.#over = true;
    this.#clearTimer();
    this.#reject(fault);
  }

  #clearTimer(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
