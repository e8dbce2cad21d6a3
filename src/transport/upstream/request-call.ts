import type { BodySource, UpstreamCall, UpstreamRequest, UpstreamSink } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';
import type { HeaderList } from '#core/head.ts';
import type { Connection, ConnectionUser } from './connection.ts';
import type { UpgradedSocket } from './upgraded-socket.ts';

/** Requests up to this size go out in one piece with their head. */
const joinBytes = 16 * 1024;

export interface CallHost {
  nowMs(): number;
  /** A connection for the call: an idle one, or (`fresh`) a new one, which calls `onReady` by itself. */
  connect(call: RequestCall, fresh: boolean): Connection;
  released(connection: Connection): void;
  over(call: RequestCall): void;
}

type Phase = 'connecting' | 'sending' | 'waiting' | 'answering' | 'over';

/** One request, from its first byte to the last of its answer. */
export class RequestCall implements UpstreamCall, ConnectionUser {
  readonly request: UpstreamRequest;
  readonly #head: string;
  readonly #sink: UpstreamSink;
  readonly #host: CallHost;
  #connection: Connection | null = null;
  #phase: Phase = 'connecting';
  #startedMs: number;
  /** When the present phase began, or the last bytes came. */
  #movedMs: number;
  #bodyEnded = true;
  #sentAny = false;
  #answered = false;
  #paused = false;
  #freed: { readonly connection: Connection; readonly trailers: HeaderList } | null = null;

  constructor(request: UpstreamRequest, head: string, parts: { sink: UpstreamSink; host: CallHost }) {
    this.request = request;
    this.#head = head;
    this.#sink = parts.sink;
    this.#host = parts.host;
    this.#startedMs = this.#movedMs = parts.host.nowMs();
  }

  begin(fresh: boolean): void {
    this.#phase = 'connecting';
    this.#movedMs = this.#host.nowMs();
    this.#connection = this.#host.connect(this, fresh);
    if (this.#connection.ready) this.onReady();
  }

  onReady(): void {
    if (this.#phase === 'over') return;
    this.#phase = 'sending';
    const connection = this.#connection!;
    const { body, method } = this.request;
    connection.expect(method);
    this.#sentAny = true;
    if (body === null) {
      connection.write(this.#head);
    } else if (Buffer.isBuffer(body)) {
      this.#sendWhole(connection, body);
    } else {
      connection.write(this.#head);
      this.#sendFlowing(connection, body);
    }
    if (this.#bodyEnded) this.#wait();
  }

  #sendWhole(connection: Connection, body: Buffer): void {
    if (body.length <= joinBytes) {
      const bytes = Buffer.allocUnsafe(this.#head.length + body.length);
      bytes.write(this.#head, 0, 'latin1');
      body.copy(bytes, this.#head.length);
      connection.write(bytes);
      return;
    }
    connection.cork();
    connection.write(this.#head);
    connection.write(body);
    connection.uncork();
  }

  #sendFlowing(connection: Connection, body: BodySource): void {
    this.#bodyEnded = false;
    const chunked = body.lengthBytes === null;
    let left = body.lengthBytes ?? 0;
    body.open({
      onData: (chunk) => {
        if (this.#phase === 'over' || this.#connection !== connection || chunk.length === 0) return;
        if (!chunked && (left -= chunk.length) < 0) {
          this.#fail(new Fault('request/malformed', 'The body is longer than its announced length.'));
          return;
        }
        this.#movedMs = this.#host.nowMs();
        let flows: boolean;
        if (chunked) {
          connection.cork();
          connection.write(`${chunk.length.toString(16)}\r\n`);
          connection.write(chunk);
          flows = connection.write('\r\n');
          connection.uncork();
        } else flows = connection.write(chunk);
        if (!flows) body.pause();
      },
      onEnd: () => {
        this.#bodyEnded = true;
        if (this.#phase === 'over' || this.#connection !== connection) return;
        if (chunked) connection.write('0\r\n\r\n');
        if (this.#phase === 'sending') this.#wait();
        if (this.#freed) this.#finish();
      },
      onFault: (fault) => this.#fail(fault),
    });
  }

  onDrain(): void {
    const { body } = this.request;
    if (body !== null && !Buffer.isBuffer(body) && !this.#bodyEnded) body.resume();
  }

  #wait(): void {
    this.#phase = 'waiting';
    this.#movedMs = this.#host.nowMs();
  }

  onHead(status: number, headers: HeaderList): void {
    this.#movedMs = this.#host.nowMs();
    if (status === 101) {
      if (this.request.upgrade === null || !this.#sink.onUpgrade) {
        throw new Error('101 that nobody asked for');
      }
      return;
    }
    this.#answered = true;
    if (status < 200) {
      if (status !== 100) this.#sink.onInterim?.(status, headers);
      return;
    }
    this.#phase = 'answering';
    this.#sink.onHead(status, headers);
  }

  onBody(chunk: Buffer): void {
    if (this.#phase === 'over') return;
    this.#movedMs = 0;
    this.#sink.onData(chunk);
  }

  onComplete(): void {}

  onReleased(trailers: HeaderList): void {
    if (this.#phase === 'over') {
      this.#connection?.destroy();
      return;
    }
    this.#freed = { connection: this.#connection!, trailers };
    this.#finish();
  }

  /** The answer is complete. A body still being sent will not be read: the connection is of no more use. */
  #finish(): void {
    const { connection, trailers } = this.#freed!;
    const whole = this.#bodyEnded;
    this.#end();
    if (whole && connection.reusable) this.#host.released(connection);
    else connection.destroy();
    this.#sink.onEnd(trailers);
  }

  onUpgraded(headers: HeaderList, socket: UpgradedSocket, firstBytes: Buffer): void {
    this.#end();
    this.#sink.onUpgrade!(headers, socket, firstBytes);
  }

  onLost(fault: Fault): void {
    if (this.#phase === 'over') return;
    if (this.#mayReplay(fault)) {
      this.begin(true);
      return;
    }
    const stale = fault.code === 'upstream/closed' && !this.#answered && (this.#connection?.uses ?? 0) > 0;
    this.#end();
    const message = `${fault.message} The connection had been used before: whether the request arrived cannot be known, and it is not safe to repeat.`;
    this.#sink.onFault(stale ? new Fault('upstream/closed', message, { cause: fault }) : fault);
  }

  /**
   * RFC 9112 §9.3.1: a kept-alive connection may be closed by its other end at any moment. A request that met such an end
   * is sent anew, once, if repeating it does no harm or nothing of it has left.
   */
  #mayReplay(fault: Fault): boolean {
    const { body, idempotent, upgrade } = this.request;
    const reused = (this.#connection?.uses ?? 0) > 0;
    const repeatable = body === null || Buffer.isBuffer(body);
    return (
      fault.code === 'upstream/closed' &&
      reused &&
      !this.#answered &&
      repeatable &&
      upgrade === null &&
      (idempotent || !this.#sentAny)
    );
  }

  pause(): void {
    if (this.#phase === 'over') return;
    this.#paused = true;
    this.#connection?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#movedMs = this.#host.nowMs();
    if (this.#phase !== 'over') this.#connection?.resume();
  }

  cancel(): void {
    if (this.#phase === 'over') return;
    const connection = this.#connection;
    this.#end();
    connection?.destroy();
  }

  /** Called now and then: what has stood still for too long is ended. */
  checkTime(nowMs: number): void {
    const { connectMs, responseHeaderMs, idleMs, totalMs } = this.request.timeouts;
    const { host, port } = this.request.origin;
    if (totalMs > 0 && nowMs - this.#startedMs > totalMs) {
      return this.#fail(
        new Fault('upstream/total-timeout', `${host}:${port} took longer than ${totalMs} ms in all.`),
      );
    }
    // Reads only mark that they happened; the time is put in here, so that no read asks for it.
    if (this.#movedMs === 0) this.#movedMs = nowMs;
    const still = nowMs - this.#movedMs;
    if (this.#phase === 'connecting' && connectMs > 0 && still > connectMs) {
      this.#fail(
        new Fault(
          'upstream/connect-timeout',
          `${host}:${port} did not accept a connection within ${connectMs} ms.`,
        ),
      );
    } else if (this.#phase === 'waiting' && responseHeaderMs > 0 && still > responseHeaderMs) {
      this.#fail(
        new Fault(
          'upstream/header-timeout',
          `${host}:${port} did not begin to answer within ${responseHeaderMs} ms.`,
        ),
      );
    } else if (
      (this.#phase === 'answering' || this.#phase === 'sending') &&
      idleMs > 0 &&
      still > idleMs &&
      !this.#paused
    ) {
      this.#fail(new Fault('upstream/idle-timeout', `${host}:${port} fell silent for ${idleMs} ms.`));
    }
  }

  #fail(fault: Fault): void {
    if (this.#phase === 'over') return;
    this.cancel();
    this.#sink.onFault(fault);
  }

  #end(): void {
    this.#phase = 'over';
    this.#host.over(this);
  }
}
