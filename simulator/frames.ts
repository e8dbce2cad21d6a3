import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Messages of text over a WebSocket (RFC 6455), as a server has them. Nothing is checked: clients are trusted here. */
export class TextSocket {
  readonly #socket: Duplex;
  #rest: Buffer = Buffer.alloc(0);
  #parts: Buffer[] = [];
  onText: (text: string) => void = () => {};

  constructor(socket: Duplex, head: Buffer) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    if (head.length > 0) this.#take(head);
  }

  send(event: object): void {
    this.#frame(1, Buffer.from(JSON.stringify(event)));
  }

  close(code: number, reason: string): void {
    const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
    payload.writeUInt16BE(code);
    payload.write(reason, 2);
    this.#frame(8, payload);
    this.#socket.end();
  }

  /** Ends the connection without a word. */
  drop(): void {
    this.#socket.end();
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 2) {
      const short = this.#rest[1]! & 0x7f;
      const start = 2 + (short === 127 ? 8 : short === 126 ? 2 : 0) + 4;
      if (this.#rest.length < start) return;
      const length =
        short === 127
          ? Number(this.#rest.readBigUInt64BE(2))
          : short === 126
            ? this.#rest.readUInt16BE(2)
            : short;
      if (this.#rest.length < start + length) return;
      const payload = Buffer.from(this.#rest.subarray(start, start + length));
      for (let i = 0; i < length; i++) payload[i]! ^= this.#rest[start - 4 + (i & 3)]!;
      const first = this.#rest[0]!;
      this.#rest = this.#rest.subarray(start + length);
      this.#frameCame(first & 0x0f, first >= 0x80, payload);
    }
  }

  #frameCame(opcode: number, isLast: boolean, payload: Buffer): void {
    if (opcode === 8) {
      this.#frame(8, payload);
      this.#socket.end();
    } else if (opcode === 9) this.#frame(10, payload);
    else if (opcode < 3) {
      this.#parts.push(payload);
      if (!isLast) return;
      const text = Buffer.concat(this.#parts).toString('utf8');
      this.#parts = [];
      this.onText(text);
    }
  }

  #frame(opcode: number, payload: Buffer): void {
    if (!this.#socket.writable) return;
    const { length } = payload;
    const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
    head[0] = 0x80 | opcode;
    if (length < 126) head[1] = length;
    else if (length < 65_536) {
      head[1] = 126;
      head.writeUInt16BE(length, 2);
    } else {
      head[1] = 127;
      head.writeBigUInt64BE(BigInt(length), 2);
    }
    this.#socket.write(Buffer.concat([head, payload]));
  }
}

/** Answers 101, with the first of the client's protocols that is one of these. */
export function acceptSocket(
  request: IncomingMessage,
  { socket, head, protocols }: { socket: Duplex; head: Buffer; protocols: readonly string[] },
): TextSocket {
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}${WEBSOCKET_GUID}`)
    .digest('base64');
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  const protocol = offered.find((name) => protocols.includes(name));
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${accept}\r\n${protocol ? `Sec-WebSocket-Protocol: ${protocol}\r\n` : ''}\r\n`,
  );
  return new TextSocket(socket, head);
}
