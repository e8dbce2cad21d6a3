import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
export const sampleKey = 'dGhlIHNhbXBsZSBub25jZQ==';

/** A frame by hand. A mask of zeros would not show whether anybody unmasks. */
export function frame(first: number, payload: string | Buffer = '', masked = false): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const { length } = body;
  const bit = masked ? 0x80 : 0;
  const head = [first];
  if (length < 126) head.push(bit | length);
  else if (length < 65_536) head.push(bit | 126, length >> 8, length & 255);
  else
    head.push(bit | 127, 0, 0, 0, 0, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255);
  if (!masked) return Buffer.concat([Buffer.from(head), body]);
  const mask = [0x37, 0xfa, 0x21, 0x3d];
  return Buffer.concat([Buffer.from([...head, ...mask]), body.map((byte, i) => byte ^ mask[i & 3]!)]);
}
export const masked = (first: number, payload: string | Buffer = '') => frame(first, payload, true);
export const closeFrame = (code: number, reason = '', isMasked = false) =>
  frame(0x88, Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]), isMasked);

export interface SeenFrame {
  readonly first: number;
  readonly masked: boolean;
  readonly payload: Buffer;
}

/** One side of a WebSocket without any library: what came, frame by frame. */
export class RawPeer {
  readonly socket: Socket;
  readonly frames: SeenFrame[] = [];
  head = '';
  ended = false;
  #bytes = Buffer.alloc(0);
  #wake: () => void = () => {};

  constructor(socket: Socket, skipsHead: boolean) {
    this.socket = socket;
    if (skipsHead) this.head = 'read';
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    for (const event of ['end', 'close'])
      socket.on(event, () => {
        this.ended = true;
        this.#wake();
      });
  }

  #take(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    if (this.head === '') {
      const end = this.#bytes.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.head = this.#bytes.subarray(0, end + 4).toString('latin1');
      this.#bytes = this.#bytes.subarray(end + 4);
    }
    while (this.#readFrame());
    this.#wake();
  }

  #readFrame(): boolean {
    const bytes = this.#bytes;
    if (bytes.length < 2) return false;
    const short = bytes[1]! & 127;
    let at = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0);
    if (bytes.length < at) return false;
    const length =
      short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
    const isMasked = bytes[1]! >= 128;
    const mask = isMasked ? bytes.subarray(at, at + 4) : Buffer.alloc(4);
    if (isMasked) at += 4;
    if (bytes.length < at + length) return false;
    const payload = Buffer.from(bytes.subarray(at, at + length)).map((byte, i) => byte ^ mask[i & 3]!);
    this.#bytes = bytes.subarray(at + length);
    this.frames.push({ first: bytes[0]!, masked: isMasked, payload: Buffer.from(payload) });
    return true;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.ended) throw new Error(`the connection ended; what came: ${JSON.stringify(this.frames)}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async end(): Promise<void> {
    while (!this.ended) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  /** The code of the close frame that came; 1005 for an empty one, 0 for none. */
  get closeCode(): number {
    const close = this.frames.find(({ first }) => (first & 15) === 8);
    return !close ? 0 : close.payload.length < 2 ? 1005 : close.payload.readUInt16BE(0);
  }
}

export interface RawUpstream {
  readonly url: string;
  readonly port: number;
  /** Heads of requests that came. */
  readonly requests: string[];
  /** The next connection that has been upgraded. */
  accepted(): Promise<RawPeer>;
  /** Changes the answer: gets the accept value that fits. */
  answer: (accept: string, request: string) => string;
  close(): void;
}

export const acceptFor = (key: string) =>
  createHash('sha1')
    .update(key + guid)
    .digest('base64');

export const switching = (accept: string, more = '') =>
  `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n${more}\r\n`;

/** A server that speaks WebSocket as little as it is told to. */
export async function startRawUpstream(): Promise<RawUpstream> {
  const waiting: RawPeer[] = [];
  let wake: () => void = () => {};
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    let head = '';
    const read = (chunk: Buffer) => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', read);
      upstream.requests.push(head);
      const key = /^sec-websocket-key: (.*)$/im.exec(head)?.[1] ?? '';
      const answer = upstream.answer(acceptFor(key.trim()), head);
      const peer = new RawPeer(socket, true);
      socket.write(answer, 'latin1');
      waiting.push(peer);
      wake();
    };
    socket.on('data', read);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const upstream: RawUpstream = {
    port,
    url: `http://127.0.0.1:${port}`,
    requests: [],
    answer: (accept) => switching(accept),
    async accepted() {
      while (waiting.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return waiting.shift()!;
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
  return upstream;
}

export interface Handshake {
  readonly method?: string;
  readonly path: string;
  readonly key?: string | null;
  readonly version?: string | null;
  readonly more?: readonly string[];
}

/** Sends a handshake and waits for the head of its answer. */
export async function openRaw(port: number, { method = 'GET', path, ...rest }: Handshake): Promise<RawPeer> {
  const { key = sampleKey, version = '13', more = [] } = rest;
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const peer = new RawPeer(socket, false);
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket'];
  if (key !== null) lines.push(`Sec-WebSocket-Key: ${key}`);
  if (version !== null) lines.push(`Sec-WebSocket-Version: ${version}`);
  socket.write(`${[...lines, ...more].join('\r\n')}\r\n\r\n`, 'latin1');
  await peer.until(() => peer.head !== '');
  return peer;
}
