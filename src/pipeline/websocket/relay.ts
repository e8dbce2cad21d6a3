import { Direction, type End } from './direction.ts';
import { renderText } from '#core/websocket/render-frame.ts';
import type { OnMessage } from '#core/websocket/message-reader.ts';
import { tickMs, type SocketObserver, type SocketWatch, type WatchedSocket } from './socket-watch.ts';

export interface RelaySettings {
  readonly maxMessageBytes: number;
  /** Closed when nothing but answers to our pings came for so long. 0: never. */
  readonly idleTimeoutMs: number;
  /** A side that was silent for so long is asked whether it is there, and closed when it does not say so. 0: never. */
  readonly pingMs: number;
  /** Control frames a side may send within a second. */
  readonly controlFrames: number;
  /** Was permessage-deflate agreed on? */
  readonly deflate: boolean;
}

export interface RelayParts {
  readonly client: End;
  readonly upstream: End;
  readonly settings: RelaySettings;
  readonly watch: SocketWatch;
  readonly observer: SocketObserver;
  /** Called with what the upstream says, as it passes. */
  /** Called with what the upstream says, as it passes, and with what the client says, before the end of it does. */
  readonly onMessage?: OnMessage | undefined;
  readonly onSaid?: OnMessage | undefined;
  onOver(result: RelayResult): void;
}

export interface RelayResult {
  /** Payload and whole messages, by who sent them. */
  readonly clientBytes: number;
  readonly clientMessages: number;
  readonly upstreamBytes: number;
  readonly upstreamMessages: number;
  /** With which code it was closed, whoever closed it; 1005: with none; 1006: not in order. */
  readonly closeCode: number;
  /** Who ended it, as far as that was not in order. */
  readonly failed: 'client' | 'upstream' | null;
}

/** How long closing in order may take, once it has begun. */
const closingTicks = 10_000 / tickMs;
/** Once both have said goodbye: a peer that does not answer an end with an end is not waited for. */
const endingTicks = 1000 / tickMs;

/**
 * A WebSocket between a client and an upstream. Frames are checked and pass as they come; the relay's own, pings and
 * closes, are put in between them. It is over when both connections are.
 */
export class WebSocketRelay implements WatchedSocket {
  readonly #parts: RelayParts;
  /** What the client says, and what the upstream says. */
  readonly #up: Direction;
  readonly #down: Direction;
  #openEnds = 2;
  #closing = 0;
  #closeCode = 0;
  #failed: 'client' | 'upstream' | null = null;
  #toldUp = 0;
  #toldDown = 0;

  constructor(parts: RelayParts) {
    this.#parts = parts;
    const { client, upstream, settings } = parts;
    const events = {
      onClose: (direction: Direction) => this.#closed(direction),
      onViolation: (direction: Direction) => this.#violated(direction),
    };
    const each = {
      rsv1: settings.deflate,
      maxMessageBytes: settings.maxMessageBytes,
      maxControlFrames: settings.controlFrames,
    };
    this.#up = new Direction(
      client.socket,
      upstream.socket,
      { ...each, masked: true },
      { ...events, onMessage: parts.onSaid },
    );
    this.#down = new Direction(
      upstream.socket,
      client.socket,
      { ...each, masked: false },
      { ...events, onMessage: parts.onMessage },
    );
  }

  start(): void {
    const { client, upstream, watch, observer } = this.#parts;
    observer.socketOpened();
    this.#listen(client, this.#up, this.#down);
    this.#listen(upstream, this.#down, this.#up);
    watch.add(this);
    this.#up.take(client.firstBytes);
    this.#down.take(upstream.firstBytes);
    if (!this.#up.paused) client.socket.resume();
    if (!this.#down.paused) upstream.socket.resume();
  }

  #listen({ socket }: End, from: Direction, to: Direction): void {
    socket.on('data', (chunk) => from.take(chunk));
    socket.on('drain', () => to.resume());
    socket.on('end', () => this.#ended(from));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#ended(from);
      if (--this.#openEnds === 0) this.#over();
      // What is said to an upstream without a client is lost anyhow; a client may still be reading.
      else if (from === this.#up) this.#hasten();
    });
  }

  tick(): void {
    if (this.#closing > 0) {
      if (--this.#closing === 0) this.#cut();
      return;
    }
    const { settings } = this.#parts;
    this.#tell();
    for (const direction of [this.#up, this.#down]) {
      direction.scanner.calm((settings.controlFrames * tickMs) / 1000);
      if (direction.paused) direction.silentTicks = direction.idleTicks = 0;
      direction.silentTicks++;
      direction.idleTicks++;
    }
    const idleMs = Math.min(this.#up.idleTicks, this.#down.idleTicks) * tickMs;
    if (settings.idleTimeoutMs > 0 && idleMs > settings.idleTimeoutMs) return this.#leave(1001, 'idle');
    if (settings.pingMs === 0) return;
    this.#keepAlive(this.#up, this.#down);
    if (this.#closing === 0) this.#keepAlive(this.#down, this.#up);
  }

  /** Ends it with a last message to the client. */
  dismiss(message: string, code: number, reason: string): void {
    if (this.#closing > 0) return;
    this.#closeCode = code;
    this.#up.muted = true;
    this.#begin();
    this.#down.close(code, reason, renderText(message));
    this.#up.close(1000, '');
  }

  goAway(): void {
    this.#leave(1001, 'the gateway is going away');
  }

  /** `heard` is what comes from the side that is asked, `said` what goes to it. */
  #keepAlive(heard: Direction, said: Direction): void {
    const { pingMs } = this.#parts.settings;
    if (heard.silentTicks * tickMs < pingMs) return;
    heard.silentTicks = 0;
    if (!heard.awaitsPong) return said.ping(heard);
    this.#failed = heard === this.#up ? 'client' : 'upstream';
    this.#closeCode = 1006;
    // Nobody hears what is said to it.
    this.#begin();
    heard.close(...this.#wordsAbout(heard));
    (heard === this.#up ? this.#parts.client : this.#parts.upstream).socket.destroy();
  }

  /** What the other side is told when one is lost or breaks the rules. */
  #wordsAbout(lost: Direction): [number, string] {
    return lost === this.#up ? [1001, 'the client is gone'] : [1014, 'the upstream failed'];
  }

  /** One side has sent its close frame, which was passed on. When both have, the connections end (RFC 6455 §7.1.1). */
  #closed(direction: Direction): void {
    if (this.#closeCode === 0) this.#closeCode = direction.scanner.closeCode;
    this.#begin();
    const back = direction === this.#up ? this.#down : this.#up;
    if (direction.closeSeen && back.closeSeen) {
      this.#endBoth();
      this.#hasten();
    }
    // It has answered ours: there is nothing more to wait for.
    else if (back.closeSent) this.#end(direction);
  }

  #violated(direction: Direction): void {
    const { code, reason } = direction.scanner.violation!;
    this.#closeCode = code;
    this.#failed = direction === this.#up ? 'client' : 'upstream';
    this.#begin();
    const back = direction === this.#up ? this.#down : this.#up;
    back.close(code, reason);
    direction.close(...this.#wordsAbout(direction));
    // It has broken the rules: whatever else it says is not listened to.
    this.#end(direction);
  }

  #leave(code: number, reason: string): void {
    if (this.#closing > 0) return;
    this.#closeCode = code;
    this.#begin();
    this.#up.close(code, reason);
    this.#down.close(code, reason);
  }

  /** A side has ended its connection. Without a close frame that is a loss, of which the other side is told. */
  #ended(direction: Direction): void {
    if (!direction.closeSent && !direction.closeSeen) {
      if (this.#closeCode === 0) this.#closeCode = 1006;
      this.#begin();
      this.#failed ??= direction === this.#up ? 'client' : 'upstream';
      if (direction === this.#down) direction.close(...this.#wordsAbout(direction));
    }
    // A client that says no more may still listen; an upstream that says no more is of no use.
    if (direction === this.#down) this.#endBoth();
    else this.#parts.upstream.socket.end();
  }

  #begin(): void {
    if (this.#closing === 0) this.#closing = closingTicks;
    this.#up.resume();
    this.#down.resume();
  }

  /** No more is said to the side whose frames `direction` carries; a frame that is on its way to it is finished first. */
  #end(direction: Direction): void {
    const back = direction === this.#up ? this.#down : this.#up;
    if (!back.closeSent && back.scanner.wantsBorder) return;
    (direction === this.#up ? this.#parts.client : this.#parts.upstream).socket.end();
  }

  #endBoth(): void {
    this.#parts.client.socket.end();
    this.#parts.upstream.socket.end();
  }

  #hasten(): void {
    this.#begin();
    this.#closing = Math.min(this.#closing, endingTicks);
  }

  #cut(): void {
    this.#parts.client.socket.destroy();
    this.#parts.upstream.socket.destroy();
  }

  #tell(): void {
    const up = this.#up.scanner.messages;
    const down = this.#down.scanner.messages;
    if (up === this.#toldUp && down === this.#toldDown) return;
    this.#parts.observer.socketMessages(up - this.#toldUp, down - this.#toldDown);
    this.#toldUp = up;
    this.#toldDown = down;
  }

  #over(): void {
    const { watch, observer } = this.#parts;
    watch.delete(this);
    this.#tell();
    const closeCode = this.#closeCode === 0 ? 1006 : this.#closeCode;
    observer.socketClosed(closeCode);
    this.#parts.onOver({
      clientBytes: this.#up.scanner.bytes,
      clientMessages: this.#up.scanner.messages,
      upstreamBytes: this.#down.scanner.bytes,
      upstreamMessages: this.#down.scanner.messages,
      closeCode,
      failed: this.#failed,
    });
  }
}
