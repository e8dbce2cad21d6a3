/**
 * HTTP/2 by hand: frames are written byte for byte, so that a test can send what no client would. Field blocks are
 * literals without Huffman coding or indexing (RFC 7541 §6.2.2), unless a test writes its own.
 */
import { connect, type Socket } from 'node:net';

export const types = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const flags = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const;
export const codes = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refused: 7,
  cancel: 8,
  compression: 9,
  calm: 11,
} as const;

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

const empty = Buffer.alloc(0);

/** RFC 9113 §4.1. */
export function frame(type: number, flag: number, stream: number, payload: Buffer = empty): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flag;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** RFC 7541 §5.1, §5.2. */
function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}

export const block = (fields: readonly string[]): Buffer =>
  Buffer.concat(
    fields.map((text, i) => (i % 2 === 0 ? Buffer.concat([Buffer.from([0]), literal(text)]) : literal(text))),
  );

/** A whole request head in one frame. */
export function headers(stream: number, fields: readonly string[], ends = true): Buffer {
  const flag = flags.endHeaders | (ends ? flags.endStream : 0);
  return frame(types.headers, flag, stream, block(fields));
}

export const data = (stream: number, payload: string | Buffer, ends = true): Buffer =>
  frame(types.data, ends ? flags.endStream : 0, stream, Buffer.from(payload as string));

export function uint32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => bytes.writeUInt32BE(value >>> 0, i * 4));
  return bytes;
}

export function settings(...pairs: [id: number, value: number][]): Buffer {
  const payload = pairs.map(([id, value]) => Buffer.concat([uint32(id).subarray(2), uint32(value)]));
  return frame(types.settings, 0, 0, Buffer.concat(payload));
}

export const rstStream = (stream: number, code: number): Buffer =>
  frame(types.rstStream, 0, stream, uint32(code));
export const windowUpdate = (stream: number, by: number): Buffer =>
  frame(types.windowUpdate, 0, stream, uint32(by));
export const ping = (text = 'pingpong'): Buffer => frame(types.ping, 0, 0, Buffer.from(text));

/** A connection on which preface and empty SETTINGS were sent. */
export class RawHttp2 {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  closed = false;
  /** Are SETTINGS acknowledged as they come? Not where that would come in the middle of something. */
  acknowledges = true;
  #held: Buffer = empty;
  #wake: (() => void)[] = [];

  constructor(port: number, begin: Buffer = Buffer.concat([preface, settings()])) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (chunk: Buffer) => this.#take(chunk));
    this.socket.on('close', () => {
      this.closed = true;
      this.#stir();
    });
    this.socket.on('error', () => {});
    this.socket.write(begin);
  }

  send(...frames: Buffer[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(frames));
  }

  #take(chunk: Buffer): void {
    let bytes = Buffer.concat([this.#held, chunk]);
    while (bytes.length >= 9) {
      const length = bytes.readUIntBE(0, 3);
      if (bytes.length < 9 + length) break;
      const [type, flag] = [bytes[3]!, bytes[4]!];
      const stream = bytes.readUInt32BE(5) & 0x7fffffff;
      this.frames.push({ type, flags: flag, stream, payload: bytes.subarray(9, 9 + length) });
      if (this.acknowledges && type === types.settings && (flag & flags.ack) === 0)
        this.send(frame(types.settings, flags.ack, 0));
      bytes = bytes.subarray(9 + length);
    }
    this.#held = bytes;
    this.#stir();
  }

  #stir(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }

  /** Waits for a frame, which may have come already; null when the connection closed without one. */
  async until(matches: (frame: Frame) => boolean): Promise<Frame | null> {
    for (;;) {
      const found = this.frames.find(matches);
      if (found) return found;
      if (this.closed) return null;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  async untilClosed(): Promise<void> {
    while (!this.closed) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  /**
   * What became of a stream: `status 200`, `reset 1`, `goaway 1` or `closed`, whichever came first. Frames for other
   * streams do not count.
   */
  async outcome(stream: number): Promise<string> {
    const decides = (f: Frame) =>
      f.type === types.goaway ||
      (f.stream === stream && (f.type === types.headers || f.type === types.rstStream));
    const found = await this.until(decides);
    if (!found) return 'closed';
    if (found.type === types.goaway) return `goaway ${found.payload.readUInt32BE(4)}`;
    if (found.type === types.rstStream) return `reset ${found.payload.readUInt32BE(0)}`;
    return `status ${statusOf(found.payload)}`;
  }

  /** Body of an answer, once it has ended; null when it was cut. */
  async body(stream: number): Promise<string | null> {
    const ends = (f: Frame) =>
      f.stream === stream && (f.type === types.rstStream || (f.type <= 1 && (f.flags & 1) !== 0));
    const end = await this.until(ends);
    if (!end || end.type === types.rstStream) return null;
    const pieces = this.frames.filter((f) => f.stream === stream && f.type === types.data);
    return Buffer.concat(pieces.map(({ payload }) => payload)).toString();
  }

  /** Does the connection still answer? */
  async alive(): Promise<boolean> {
    this.send(ping('stillyes'));
    return (
      (await this.until(
        ({ type, flags: f, payload }) => type === types.ping && f === 1 && payload.toString() === 'stillyes',
      )) !== null
    );
  }

  close(): void {
    this.socket.destroy();
  }
}

/** RFC 7541 Appendix A, 8 to 14. */
const indexed: Record<number, number> = { 8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500 };

/** `:status`, which comes first in an answer's block (RFC 9113 §8.3); its digits may be Huffman-coded (RFC 7541 §5.2). */
function statusOf(payload: Buffer): number {
  let at = 0;
  // A change of the table's size may stand before it (§6.3).
  while ((payload[at]! & 0xe0) === 0x20) {
    if ((payload[at]! & 0x1f) === 0x1f) while (payload[++at]! & 0x80);
    at++;
  }
  const first = payload[at]!;
  if (first & 0x80) return indexed[first & 0x7f] ?? 0;
  const length = payload[at + 1]! & 0x7f;
  const text = payload.subarray(at + 2, at + 2 + length);
  return Number((payload[at + 1]! & 0x80) === 0 ? text.toString('latin1') : digitsOf(text));
}

/** Digits of RFC 7541 Appendix B: 0 to 2 have five bits, 3 to 9 six. */
function digitsOf(text: Buffer): string {
  const bits = [...text].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  let digits = '';
  for (let at = 0; digits.length < 3;) {
    const five = Number.parseInt(bits.slice(at, at + 5), 2);
    if (five <= 2) {
      digits += five;
      at += 5;
    } else {
      digits += Number.parseInt(bits.slice(at, at + 6), 2) - 0b011001 + 3;
      at += 6;
    }
  }
  return digits;
}
