import { HeadTooLarge, ProtocolError } from './protocol-error.ts';

const lf = 0x0a;
const cr = 0x0d;
/** As many of a head's first bytes as tell whether it can be one. */
const firstBytes = 64;

/**
 * Finds the end of a message head in bytes that may come in pieces. The usual head lies whole in one read and is never
 * copied; others are collected in a buffer that grows by doubling, and looked at once per byte.
 */
export class HeadReader {
  readonly #maxBytes: number;
  /** Fails early on bytes that cannot become a head: gets what there is, in latin1. @throws ProtocolError */
  readonly #refuseHopeless: (text: string) => void;
  #held: Buffer | null = null;
  #heldBytes = 0;
  /** The head with the CRLF of its last field, in latin1; set when `read` has found its end. */
  text = '';

  constructor(maxBytes: number, refuseHopeless: (text: string) => void) {
    this.#maxBytes = maxBytes;
    this.#refuseHopeless = refuseHopeless;
  }

  /** Has a part of a head come, but not its end? */
  get underWay(): boolean {
    return this.#heldBytes > 0;
  }

  begin(): void {
    this.#held = null;
    this.#heldBytes = 0;
  }

  /** Index after the head, or -1 when more is needed. @throws ProtocolError */
  read(bytes: Buffer, from: number): number {
    if (this.#held === null) {
      const end = bytes.indexOf('\r\n\r\n', from, 'latin1');
      if (end >= 0) {
        if (end + 4 - from > this.#maxBytes) throw new HeadTooLarge(this.#maxBytes);
        this.text = bytes.toString('latin1', from, end + 2);
        return end + 4;
      }
    }
    return this.#hold(bytes, from);
  }

  #hold(bytes: Buffer, from: number): number {
    const before = this.#heldBytes;
    const held = this.#reserve(Math.min(this.#maxBytes, before + bytes.length - from));
    const added = bytes.copy(held, before, from, bytes.length);
    this.#heldBytes = before + added;
    const end = this.#endWithin(held, before);
    if (end < 0) {
      if (this.#heldBytes >= this.#maxBytes) throw new HeadTooLarge(this.#maxBytes);
      this.#refuseHopeless(held.toString('latin1', 0, Math.min(firstBytes, this.#heldBytes)));
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

  #reserve(bytes: number): Buffer {
    const held = this.#held;
    if (held !== null && held.length >= bytes) return held;
    const grown = Buffer.allocUnsafeSlow(Math.min(this.#maxBytes, Math.max(1024, bytes * 2)));
    if (held !== null) held.copy(grown, 0, 0, this.#heldBytes);
    return (this.#held = grown);
  }
}
