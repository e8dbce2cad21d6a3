import { opcodes } from './frame-scanner.ts';

/** Called with whole messages, in their order. The payload is the receiver's to keep. */
export type OnMessage = (opcode: number, payload: Uint8Array) => void;

const maxHeaderBytes = 14;

/**
 * Puts the messages of one direction together. What is pushed must have passed a `FrameScanner`: nothing is checked here.
 * Messages above the bound are counted but not given.
 */
export class MessageReader {
  readonly #limitBytes: number;
  readonly #onMessage: OnMessage;
  readonly #header = new Uint8Array(maxHeaderBytes);
  #headerBytes = 0;
  #mask: Uint8Array | null = null;
  #left = 0;
  /** Of the present frame's payload, for the mask. */
  #at = 0;
  #isControl = false;
  #isLast = false;
  #opcode = 0;
  #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(limitBytes: number, onMessage: OnMessage) {
    this.#limitBytes = limitBytes;
    this.#onMessage = onMessage;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left > 0) at += this.#take(chunk, at);
      else {
        this.#header[this.#headerBytes++] = chunk[at++]!;
        if (this.#isHeaderWhole()) this.#begin();
      }
    }
  }

  #isHeaderWhole(): boolean {
    return this.#headerBytes >= 2 && this.#headerBytes === this.#headerLength();
  }

  #headerLength(): number {
    const second = this.#header[1]!;
    const short = second & 0x7f;
    return 2 + (short === 127 ? 8 : short === 126 ? 2 : 0) + (second & 0x80 ? 4 : 0);
  }

  #begin(): void {
    const header = this.#header;
    const end = this.#headerBytes;
    const isMasked = (header[1]! & 0x80) !== 0;
    this.#mask = isMasked ? header.slice(end - 4, end) : null;
    const opcode = header[0]! & 0x0f;
    this.#isControl = opcode >= opcodes.close;
    this.#isLast = header[0]! >= 0x80;
    if (!this.#isControl && opcode !== opcodes.continuation) {
      this.#opcode = opcode;
      this.#parts = [];
      this.#bytes = 0;
    }
    const short = header[1]! & 0x7f;
    const lengthEnd = short === 127 ? 10 : short === 126 ? 4 : 2;
    let length = lengthEnd === 2 ? short : 0;
    for (let i = 2; i < lengthEnd; i++) length = length * 256 + header[i]!;
    this.#headerBytes = 0;
    this.#left = length;
    this.#at = 0;
    if (length === 0) this.#ended();
  }

  /** Returns how many bytes were taken. */
  #take(chunk: Uint8Array, at: number): number {
    const bytes = Math.min(this.#left, chunk.length - at);
    this.#left -= bytes;
    if (!this.#isControl) {
      this.#bytes += bytes;
      if (this.#bytes <= this.#limitBytes) {
        // A copy in any case: a Buffer's own `slice` would be the bytes that pass.
        const part = new Uint8Array(chunk.subarray(at, at + bytes));
        const mask = this.#mask;
        if (mask) for (let i = 0; i < bytes; i++) part[i]! ^= mask[(this.#at + i) & 3]!;
        this.#parts.push(part);
      } else this.#parts = [];
    }
    this.#at += bytes;
    if (this.#left === 0) this.#ended();
    return bytes;
  }

  #ended(): void {
    if (this.#isControl || !this.#isLast) return;
    const parts = this.#parts;
    this.#parts = [];
    if (this.#bytes > this.#limitBytes) return;
    this.#onMessage(this.#opcode, parts.length === 1 ? parts[0]! : joined(parts, this.#bytes));
  }
}

function joined(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
