import type { UpstreamCall, UpstreamRequest, UpstreamSink } from '#core/contracts/upstream.ts';
import { faultFrom, type Fault } from '#core/fault.ts';
import type { HeaderList } from '#core/head.ts';
import type { Timeouts } from '#core/target.ts';
import { ambiguousFault, unsentFault } from './connection-fault.ts';
import type { Connection, ConnectionUser } from './connection.ts';
import { RequestSender } from './request-sender.ts';
import { timeoutFault } from './timeout-fault.ts';
import type { UpgradedSocket } from './upgraded-socket.ts';

export interface CallHost {
  nowMs(): number;
  /** A connection for the call: an idle one, or (`fresh`) a new one, which calls `onReady` by itself. */
  connect(call: RequestCall, fresh: boolean): Connection;
  /** The connection has done its work for the call, and may be kept. */
  released(connection: Connection): void;
  over(call: RequestCall): void;
}

const isConnecting = 0;
const isSending = 1;
const isWaiting = 2;
const isAnswering = 3;
const isOver = 4;

/** One request, from its first byte to the last of its answer. */
export class RequestCall implements UpstreamCall, ConnectionUser {
  readonly request: UpstreamRequest;
  readonly #head: string;
  readonly #sink: UpstreamSink;
  readonly #host: CallHost;
  readonly #startedMs: number;
  #connection: Connection | null = null;
  #sender: RequestSender | null = null;
  #phase = isConnecting;
  /** When the present phase began or something last moved; 0: since the clock was last looked at. */
  #movedMs: number;
  #pendingBytes = 0;
  /** Nothing may be called back before `start` has returned. */
  #starting = true;
  #cancelled = false;
  #paused = false;
  #unsent = false;

  constructor(request: UpstreamRequest, head: string, parts: { sink: UpstreamSink; host: CallHost }) {
    this.request = request;
    this.#head = head;
    this.#sink = parts.sink;
    this.#host = parts.host;
    this.#startedMs = this.#movedMs = parts.host.nowMs();
  }

  start(): void {
    this.#connect(false);
    this.#starting = false;
  }

  get awaitsUpgrade(): boolean {
    return this.request.upgrade !== null && this.#sink.onUpgrade !== undefined && this.#sender!.ended;
  }

  #connect(fresh: boolean): void {
    this.#phase = isConnecting;
    this.#connection = this.#host.connect(this, fresh);
    if (this.#connection.ready) this.onReady();
  }

  onReady(): void {
    const connection = this.#connection!;
    this.#phase = isSending;
    this.#movedMs = 0;
    connection.expect(this.request.method);
    if (this.#paused) connection.pause();
    const sender = new RequestSender(connection, this.request.body, (fault) => this.#fail(fault));
    this.#sender = sender;
    try {
      sender.begin(this.#head);
    } catch (thrown) {
      // A bug of whoever gives the body.
      return this.#fail(faultFrom(thrown));
    }
    if (this.#phase !== isSending) return;
    this.#unsent = connection.refusedWrite;
    if (sender.ended && connection.pendingBytes === 0) this.#phase = isWaiting;
  }

  onDrain(): void {
    this.#movedMs = 0;
    this.#sender?.onDrain();
  }

  onHead(status: number, headers: HeaderList): void {
    this.#movedMs = 0;
    if (status === 100) return;
    if (status < 200) {
      this.#sink.onInterim?.(status, headers);
      return;
    }
    this.#phase = isAnswering;
    this.#sink.onHead(status, headers);
  }

  onBody(chunk: Buffer): void {
    this.#movedMs = 0;
    this.#sink.onData(chunk);
  }

  /** A request still on its way will not be read to its end (RFC 9112 §9.3): its connection is of no more use. */
  onComplete(trailers: HeaderList): void {
    const connection = this.#connection!;
    const whole = this.#sender!.ended;
    this.#end();
    if (whole && connection.reusable) {
      if (this.#paused) connection.resume();
      this.#host.released(connection);
    } else connection.destroy();
    this.#sink.onEnd(trailers);
  }

  onUpgraded(headers: HeaderList, socket: UpgradedSocket, firstBytes: Buffer): void {
    this.#end();
    this.#sink.onUpgrade!(headers, socket, firstBytes);
  }

  onLost(fault: Fault): void {
    const connection = this.#connection!;
    if (fault.code !== 'upstream/closed' || connection.heard) return this.#fail(fault);
    const { body, idempotent } = this.request;
    const repeatable = body === null || Buffer.isBuffer(body);
    // RFC 9112 §9.3.1: a kept-alive connection may be closed by its other end at any moment, once. Sent anew only where
    // repeating does no harm or nothing has left.
    if (connection.uses > 0 && repeatable && (idempotent || this.#unsent)) {
      this.#sender?.stop();
      this.#movedMs = 0;
      return this.#connect(true);
    }
    this.#fail(this.#unsent ? unsentFault(fault) : idempotent ? fault : ambiguousFault(fault));
  }

  pause(): void {
    if (this.#phase === isOver) return;
    this.#paused = true;
    this.#connection?.pause();
  }

  resume(): void {
    if (!this.#paused || this.#phase === isOver) return;
    this.#paused = false;
    this.#movedMs = 0;
    this.#connection?.resume();
  }

  cancel(): void {
    this.#cancelled = true;
    if (this.#phase === isOver) return;
    this.#end();
    this.#connection?.destroy();
  }

  /** Called now and then: what has stood still for too long is ended. Exact to one such interval, and never early. */
  checkTime(nowMs: number): void {
    const { timeouts } = this.request;
    if (timeouts.totalMs > 0 && nowMs - this.#startedMs > timeouts.totalMs) return this.#timeOut('totalMs');
    if (this.#phase === isSending) this.#watchSending();
    // Reads and writes only mark that they happened, so that none of them asks for the time.
    if (this.#movedMs === 0) this.#movedMs = nowMs;
    const name = this.#runningTimeout();
    if (name !== null && timeouts[name] > 0 && nowMs - this.#movedMs > timeouts[name]) this.#timeOut(name);
  }

  #runningTimeout(): keyof Timeouts | null {
    if (this.#phase === isConnecting) return 'connectMs';
    // Who does not read cannot know whether the upstream is silent.
    if (this.#paused) {
      this.#movedMs = 0;
      return null;
    }
    return this.#phase === isWaiting ? 'responseHeaderMs' : 'idleMs';
  }

  /** The upstream stands still only when bytes wait for it; otherwise the request's own sender does. */
  #watchSending(): void {
    const pending = this.#connection!.pendingBytes;
    if (pending === 0 || pending !== this.#pendingBytes) this.#movedMs = 0;
    this.#pendingBytes = pending;
    if (pending === 0 && this.#sender!.ended) this.#phase = isWaiting;
  }

  #timeOut(name: keyof Timeouts): void {
    this.#fail(timeoutFault(name, this.request.timeouts[name], this.request.origin));
  }

  #fail(fault: Fault): void {
    if (this.#phase === isOver) return;
    this.#end();
    this.#connection?.destroy();
    if (!this.#starting) return this.#sink.onFault(fault);
    setImmediate(() => {
      if (!this.#cancelled) this.#sink.onFault(fault);
    });
  }

  #end(): void {
    this.#phase = isOver;
    this.#sender?.stop();
    this.#host.over(this);
  }
}
