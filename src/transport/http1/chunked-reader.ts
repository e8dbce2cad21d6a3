import type { HeaderList } from '#core/head.ts';
import { parseFields } from './parse-fields.ts';
import { ProtocolError } from './protocol-error.ts';

const maxTrailerBytes = 16 * 1024;
const maxExtensionBytes = 256;
/** 2^48 bytes: far more than any answer, far less than where doubles lose bytes. */
const maxSizeDigits = 12;

// Numbers, since the state is looked at for every byte of framing.
const inSize = 0;
const inExtension = 1;
const atSizeLf = 2;
const inData = 3;
const atDataCr = 4;
const atDataLf = 5;
const inTrailers = 6;
const isDone = 7;

const cr = 0x0d;
const lf = 0x0a;

/** Value of a hexadecimal digit by its byte, or -1. */
const hexValues = Int8Array.from({ length: 256 }, (_, byte) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(byte).toLowerCase());
  return byte < 0x80 ? digit : -1;
});

/**
 * Takes chunked bodies apart (RFC 9112 §7.1). All payload of one read is moved together within the read's own buffer, so
 * that its receiver is called once per read and not once per chunk.
 */
export class ChunkedReader {
  /** White space after a size, as old servers send it. Of clients it is refused: proxies disagree about it. */
  readonly #mayPad: boolean;
  #state = isDone;
  #left = 0;
  #digits = 0;
  #extension = 0;
  #trailer = '';
  /** Where in the bytes of the last `read` its payload lies. */
  payloadStart = 0;
  payloadEnd = 0;

  constructor({ mayPad }: { mayPad: boolean }) {
    this.#mayPad = mayPad;
  }

  begin(): void {
    this.#state = inSize;
    this.#left = 0;
    this.#digits = 0;
    this.#trailer = '';
  }

  get done(): boolean {
    return this.#state === isDone;
  }

  /** Fields after the last chunk. @throws ProtocolError */
  trailers(): HeaderList {
    return this.#trailer === '' ? [] : parseFields(this.#trailer, 0);
  }

  /** Reads from `from`; returns the index after the last byte used: less than the length only when done. @throws ProtocolError */
  read(bytes: Buffer, from: number): number {
    const { length } = bytes;
    let at = from;
    let start = from;
    // Payload never ends where the read begins, so `from` stands for none yet.
    let end = from;
    while (at < length) {
      if (this.#state === inData) {
        const stop = Math.min(length, at + this.#left);
        this.#left -= stop - at;
        if (end === from) {
          start = at;
          end = stop;
        } else {
          bytes.copyWithin(end, at, stop);
          end += stop - at;
        }
        at = stop;
        if (this.#left > 0) break;
        this.#state = atDataCr;
      } else {
        this.#readFraming(bytes[at++]!);
        if (this.#state === isDone) break;
      }
    }
    this.payloadStart = start;
    this.payloadEnd = end;
    return at;
  }

  #readFraming(byte: number): void {
    switch (this.#state) {
      case inSize:
        return this.#readSize(byte);
      case inExtension:
        if (byte === cr) this.#state = atSizeLf;
        else if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f)
          throw new ProtocolError('a control character in a chunk extension');
        else if (++this.#extension > maxExtensionBytes)
          throw new ProtocolError(`a chunk extension of over ${maxExtensionBytes} bytes`);
        return;
      case atSizeLf:
        if (byte !== lf) throw new ProtocolError('a chunk size without its line feed');
        this.#state = this.#left === 0 ? inTrailers : inData;
        return;
      case atDataCr:
        if (byte !== cr) throw new ProtocolError('a chunk longer than its size');
        this.#state = atDataLf;
        return;
      case atDataLf:
        if (byte !== lf) throw new ProtocolError('a chunk longer than its size');
        this.#state = inSize;
        this.#digits = 0;
        return;
      default:
        this.#readTrailer(byte);
    }
  }

  #readSize(byte: number): void {
    const digit = hexValues[byte]!;
    if (digit >= 0) {
      if (++this.#digits > maxSizeDigits) throw new ProtocolError('a chunk size that is too large');
      this.#left = this.#left * 16 + digit;
    } else if (this.#digits === 0) throw new ProtocolError('a chunk without a size');
    else if (byte === cr) this.#state = atSizeLf;
    else if (byte === 0x3b || (this.#mayPad && (byte === 0x20 || byte === 0x09))) {
      this.#state = inExtension;
      this.#extension = 0;
    } else throw new ProtocolError('a chunk size that is not hexadecimal');
  }

  #readTrailer(byte: number): void {
    this.#trailer += String.fromCharCode(byte);
    if (this.#trailer.length > maxTrailerBytes)
      throw new ProtocolError(`trailers of over ${maxTrailerBytes} bytes`);
    if (byte !== lf) return;
    if (this.#trailer === '\r\n') this.#trailer = '';
    else if (this.#trailer.endsWith('\r\n\r\n')) this.#trailer = this.#trailer.slice(0, -2);
    else return;
    this.#state = isDone;
  }
}
