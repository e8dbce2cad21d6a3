import { isUtf8 } from 'node:buffer';
import type { SocketTotals } from '#core/receipt.ts';
import { FrameScanner, opcodes, type FrameHandler } from '#core/websocket/frame-scanner.ts';
import { MessageReader } from '#core/websocket/message-reader.ts';
import { renderClose, renderControl, renderText } from '#core/websocket/render-frame.ts';
import type { End } from './direction.ts';
import type { RelaySettings } from './relay.ts';
import { tickMs, type SocketObserver, type SocketWatch, type WatchedSocket } from './socket-watch.ts';

export interface MessageSocketParts {
  readonly client: End;
  readonly settings: RelaySettings;
  readonly watch: SocketWatch;
  readonly observer: SocketObserver;
  onText(text: string): void;
  /** The client takes more again. */
  onDrain(): void;
  /** The gateway is going away: to be closed once what is under way is done. */
  onLeave(): void;
  /** Nothing more can be said to the client. */
  onGone(): void;
  /** The connection has ended; comes last. `failed`: the client ended it out of order. */
  onOver(totals: SocketTotals, failed: boolean): void;
}

const closingTicks = 10_000 / tickMs;

/** The server's end of a WebSocket that the gateway itself answers, in messages of text. */
export class MessageSocket implements WatchedSocket, FrameHandler {
  readonly #parts: MessageSocketParts;
  readonly #scanner: FrameScanner;
  readonly #reader: MessageReader;
  #sentBytes = 0;
  #sentMessages = 0;
  #told = 0;
  #toldSent = 0;
  #closeCode = 0;
  #failed = false;
  #closeSent = false;
  #gone = false;
  #awaitsPong = false;
  #silentTicks = 0;
  #idleTicks = 0;
  #closing = 0;
  /** Answers under way: a client that waits for one is not idle. */
  busy = false;

  constructor(parts: MessageSocketParts) {
    const { settings } = parts;
    this.#parts = parts;
    this.#scanner = new FrameScanner(
      {
        masked: true,
        rsv1: false,
        maxMessageBytes: settings.maxMessageBytes,
        maxControlFrames: settings.controlFrames,
      },
      this,
    );
    this.#reader = new MessageReader(settings.maxMessageBytes, (opcode, payload) =>
      this.#message(opcode, payload),
    );
  }

  start(): void {
    const { client, watch, observer } = this.#parts;
    const { socket } = client;
    observer.socketOpened();
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('drain', () => this.#parts.onDrain());
    socket.on('error', () => {});
    socket.on('end', () => this.#ended());
    socket.on('close', () => {
      this.#ended();
      this.#over();
    });
    watch.add(this);
    this.#take(client.firstBytes);
    socket.resume();
  }

  /** False: the client reads too slowly, stop until `onDrain`. */
  send(text: string): boolean {
    if (this.#closeSent || this.#gone) return true;
    this.#idleTicks = 0;
    const frame = renderText(text);
    this.#sentBytes += Buffer.byteLength(text);
    this.#sentMessages++;
    return this.#parts.client.socket.write(frame);
  }

  close(code: number, reason: string): void {
    if (this.#closeSent) return;
    if (this.#closeCode === 0) this.#closeCode = code;
    this.#sayClose(renderClose(code, reason, null));
  }

  tick(): void {
    if (this.#closing > 0) {
      if (--this.#closing === 0) this.#parts.client.socket.destroy();
      return;
    }
    const { settings, client } = this.#parts;
    this.#tell();
    this.#scanner.calm((settings.controlFrames * tickMs) / 1000);
    this.#silentTicks++;
    this.#idleTicks = this.busy ? 0 : this.#idleTicks + 1;
    if (settings.idleTimeoutMs > 0 && this.#idleTicks * tickMs > settings.idleTimeoutMs)
      return this.close(1001, 'idle');
    if (settings.pingMs === 0 || this.#silentTicks * tickMs < settings.pingMs) return;
    this.#silentTicks = 0;
    if (this.#awaitsPong) {
      client.socket.destroy();
      return;
    }
    this.#awaitsPong = true;
    client.socket.write(renderControl(opcodes.ping, new Uint8Array(0), null));
  }

  goAway(): void {
    this.#parts.onLeave();
  }

  pass(bytes: Uint8Array): void {
    this.#reader.push(bytes);
  }

  control(opcode: number, payload: Uint8Array): boolean {
    if (opcode === opcodes.ping && !this.#closeSent)
      this.#parts.client.socket.write(renderControl(opcodes.pong, payload, null));
    if (opcode === opcodes.close) {
      if (this.#closeCode === 0) this.#closeCode = this.#scanner.closeCode;
      if (!this.#closeSent) this.#sayClose(renderControl(opcodes.close, payload, null));
      this.#parts.client.socket.end();
    }
    return false;
  }

  border(): void {}

  #take(chunk: Uint8Array): void {
    this.#silentTicks = 0;
    this.#awaitsPong = false;
    if (chunk.length === 0 || this.#scanner.violation || this.#scanner.closeCode !== 0) return;
    const violation = this.#scanner.push(chunk);
    if (violation) this.#violated(violation.code, violation.reason);
  }

  #message(opcode: number, payload: Uint8Array): void {
    this.#idleTicks = 0;
    if (this.#closeSent) return;
    if (opcode !== opcodes.text) return this.#violated(1003, 'text was expected, not binary');
    if (!isUtf8(payload)) return this.#violated(1007, 'a text is not UTF-8');
    this.#parts.onText(Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString('utf8'));
  }

  #violated(code: number, reason: string): void {
    this.#failed = true;
    this.close(code, reason);
    this.#parts.client.socket.end();
  }

  #sayClose(frame: Uint8Array): void {
    this.#closeSent = true;
    this.#closing = closingTicks;
    this.#parts.client.socket.write(frame);
    this.#lose();
  }

  #ended(): void {
    if (this.#closeCode === 0) {
      this.#closeCode = 1006;
      this.#failed = true;
    }
    if (this.#closing === 0) this.#closing = closingTicks;
    this.#lose();
    this.#parts.client.socket.end();
  }

  #lose(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#parts.onGone();
  }

  #tell(): void {
    const { messages } = this.#scanner;
    if (messages === this.#told && this.#sentMessages === this.#toldSent) return;
    this.#parts.observer.socketMessages(messages - this.#told, this.#sentMessages - this.#toldSent);
    this.#told = messages;
    this.#toldSent = this.#sentMessages;
  }

  #over(): void {
    const { watch, observer } = this.#parts;
    watch.delete(this);
    this.#tell();
    observer.socketClosed(this.#closeCode);
    this.#parts.onOver(
      {
        clientBytes: this.#scanner.bytes,
        clientMessages: this.#scanner.messages,
        upstreamBytes: this.#sentBytes,
        upstreamMessages: this.#sentMessages,
        closeCode: this.#closeCode,
      },
      this.#failed,
    );
  }
}
