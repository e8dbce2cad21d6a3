import { ProtocolError } from './protocol-error.ts';

const maxHeadBytes = 64 * 1024;
const lf = 0x0a;
const cr = 0x0d;
const prefix = 'HTTP/1.';

/**
 * Finds the end of a message head in bytes that may come in pieces. The usual head lies whole in one read and is never
 * copied; others are collected in a buffer that grows by doubling, and looked at once per byte.
 */
export class HeadReader {
  #held: Buffer | null = null;
  #heldBytes = 0;
  /** The head with the CRLF of its last field, in latin1; set when `read` has found its end. */
  text = '';

  begin(): void {
    this.#held = null;
    this.#heldBytes = 0;
  }

  /** Index after the head, or -1 when more is needed. @throws ProtocolError */
  read(bytes: Buffer, from: number): number {
    if (this.#held === null) {
      const end = bytes.indexOf('\r\n\r\n', from, 'latin1');
      if (end >= 0) {
        if (end + 4 - from > maxHeadBytes) throw tooLarge();
        this.text = bytes.toString('latin1', from, end + 2);
        return end + 4;
      }
    }
    return this.#hold(bytes, from);
  }

  #hold(bytes: Buffer, from: number): number {
    const before = this.#heldBytes;
    const held = this.#reserve(Math.min(maxHeadBytes, before + bytes.length - from));
    const added = bytes.copy(held, before, from, bytes.length);
    this.#heldBytes = before + added;
    const end = this.#endWithin(held, before);
    if (end < 0) {
      if (this.#heldBytes >= maxHeadBytes) throw tooLarge();
      this.#refuseHopeless(held);
      return -1;
    }
    this.text = held.toString('latin1', 0, end - 2);
    this.begin();
    return from + (end - before);
  }

  /** Index after the empty line, or -1. A bare LF is refused at once, for a head of such lines would never end. */
  #endWithin(held: Buffer, from: number): number {
    let at = held.indexOf(lf, from);
    while (at >= 0 && at < this.#heldBytes) {
      if (at === 0 || held[at - 1] !== cr) throw new ProtocolError('a bare line feed in a head');
      if (at >= 3 && held[at - 2] === lf && held[at - 3] === cr) return at + 1;
      at = held.indexOf(lf, at + 1);
    }
    return -1;
  }

  /** An alert of TLS or the greeting of another protocol is said to be one, instead of waiting for the end of its head. */
  #refuseHopeless(held: Buffer): void {
    const seen = Math.min(prefix.length, this.#heldBytes);
    if (held.toString('latin1', 0, seen) !== prefix.slice(0, seen))
      throw new ProtocolError('something that does not begin like HTTP/1.x');
  }

  #reserve(bytes: number): Buffer {
    const held = this.#held;
    if (held !== null && held.length >= bytes) return held;
    const grown = Buffer.allocUnsafeSlow(Math.min(maxHeadBytes, Math.max(1024, bytes * 2)));
    if (held !== null) held.copy(grown, 0, 0, this.#heldBytes);
    return (this.#held = grown);
  }
}

const tooLarge = () => new ProtocolError(`a head of over ${maxHeadBytes} bytes`);
