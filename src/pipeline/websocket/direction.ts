import { randomFillSync } from 'node:crypto';
import type { RawSocket } from '#core/contracts/upstream.ts';
import {
  FrameScanner,
  opcodes,
  type FrameHandler,
  type ScannerSettings,
} from '#core/websocket/frame-scanner.ts';
import { MessageReader, type OnMessage } from '#core/websocket/message-reader.ts';
import { renderClose, renderControl } from '#core/websocket/render-frame.ts';

/** One of the two connections that are joined. */
export interface End {
  readonly socket: RawSocket;
  readonly firstBytes: Buffer;
}

/** Where messages have no bound, so much of one is read along. */
const maxReadBytes = 64 * 1024 * 1024;

export interface DirectionEvents {
  /** A close frame came, and was passed on or not. */
  onClose(direction: Direction): void;
  onViolation(direction: Direction): void;
}

/** One direction of a WebSocket: frames from one connection to the other, at the pace of the slower. */
export class Direction implements FrameHandler {
  readonly scanner: FrameScanner;
  readonly #from: RawSocket;
  readonly #to: RawSocket;
  readonly #masks: boolean;
  readonly #events: DirectionEvents;
  /** A close frame of ours, to be put in where the present frame ends. */
  #pending: Uint8Array | null = null;
  #last: Uint8Array | null = null;
  /** A close frame went out this way: nothing may follow it (RFC 6455 §5.5.1). */
  closeSent = false;
  /** What comes from now on goes no further. */
  muted = false;
  #blocked = false;
  /** Reads along what passes. */
  readonly #reader: MessageReader | null;
  /** `to` takes no more for now: `from` cannot be heard. */
  paused = false;
  /** Payload of the ping of ours that `from` is to answer. */
  #pingPayload: Uint8Array | null = null;
  /** Ticks since a byte came; and since one came that was no answer to our ping. */
  silentTicks = 0;
  idleTicks = 0;

  constructor(
    from: RawSocket,
    to: RawSocket,
    settings: ScannerSettings,
    { onMessage, ...events }: DirectionEvents & { readonly onMessage?: OnMessage | undefined },
  ) {
    this.#reader = onMessage ? new MessageReader(settings.maxMessageBytes || maxReadBytes, onMessage) : null;
    this.#from = from;
    this.#to = to;
    // What clients say is masked; what we say on their behalf too.
    this.#masks = settings.masked;
    this.#events = events;
    this.scanner = new FrameScanner(settings, this);
  }

  /** Is there a ping of ours that has not been answered? */
  get awaitsPong(): boolean {
    return this.#pingPayload !== null;
  }

  /** A close frame came from this side. */
  get closeSeen(): boolean {
    return this.scanner.closeCode !== 0;
  }

  take(chunk: Uint8Array): void {
    this.silentTicks = 0;
    if (chunk.length === 0 || this.scanner.violation !== null || this.closeSeen) return;
    this.#blocked = false;
    this.scanner.push(chunk);
    if (this.#blocked && !this.closeSent) {
      this.paused = true;
      this.#from.pause();
    }
    if (this.scanner.violation !== null) this.#events.onViolation(this);
    else if (this.closeSeen) this.#events.onClose(this);
  }

  pass(bytes: Uint8Array): void {
    this.idleTicks = 0;
    // What comes after a close frame was said all the same.
    this.#reader?.push(bytes);
    if (this.closeSent || this.muted) return;
    if (!this.#to.write(bytes)) this.#blocked = true;
  }

  control(opcode: number, payload: Uint8Array): boolean {
    if (opcode === opcodes.pong && this.#isOurs(payload)) {
      this.#pingPayload = null;
      return false;
    }
    this.idleTicks = 0;
    if (this.closeSent) return false;
    if (opcode !== opcodes.close) return true;
    // Written here: `pass` lets nothing follow a close frame.
    this.closeSent = true;
    this.#to.write(renderControl(opcodes.close, payload, this.#mask()));
    return false;
  }

  /** `to` takes more again. */
  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.#from.resume();
  }

  /** Asks `to` whether it is there; its answer comes by the other direction, which is told. */
  ping(answers: Direction): void {
    if (this.closeSent || this.#pending || !this.scanner.atBorder) return;
    const payload = randomFillSync(new Uint8Array(8));
    answers.#pingPayload = payload;
    this.#to.write(renderControl(opcodes.ping, payload, this.#mask()));
  }

  /**
   * Sends a close frame to `to` once the present frame has passed. False while it has to wait. `last`: a frame before it,
   * unless another message is under way.
   */
  close(code: number, reason: string, last: Uint8Array | null = null): boolean {
    if (this.closeSent) return true;
    this.#last ??= last;
    this.#pending ??= renderClose(code, reason, this.#mask());
    this.scanner.wantsBorder = true;
    this.border();
    this.resume();
    return this.closeSent;
  }

  border(): void {
    if (this.#pending === null || this.closeSent || !this.scanner.atBorder) return;
    this.closeSent = true;
    if (this.#last && !this.scanner.inMessage) this.#to.write(this.#last);
    this.#to.write(this.#pending);
    this.#pending = this.#last = null;
  }

  #isOurs(payload: Uint8Array): boolean {
    const ours = this.#pingPayload;
    return ours !== null && ours.length === payload.length && ours.every((byte, i) => byte === payload[i]);
  }

  #mask(): Uint8Array | null {
    return this.#masks ? randomFillSync(new Uint8Array(4)) : null;
  }
}
