import type { HeaderList } from '#core/head.ts';

/**
 * A strict reader of HTTP/1.1 responses (RFC 9112). It refuses everything that two readers could take for two different
 * answers; a refusal is a thrown ProtocolError and ends the connection.
 */
export interface ResponseHandler {
  /** Also for interim answers (status < 200), after which another head follows. 101 ends parsing. */
  onHead(status: number, headers: HeaderList): void;
  /** All payload of one read, in one piece. The buffer is the receiver's to keep. */
  onBody(chunk: Buffer): void;
  onComplete(trailers: HeaderList): void;
}

export class ProtocolError extends Error {}

const maxHeadBytes = 64 * 1024;
const maxTrailerBytes = 16 * 1024;
const maxExtensionBytes = 256;
const maxInterim = 32;

type State =
  | 'head'
  | 'length'
  | 'size'
  | 'extension'
  | 'size-lf'
  | 'data'
  | 'data-cr'
  | 'data-lf'
  | 'trailers'
  | 'close'
  | 'done';

const cr = 0x0d;
const lf = 0x0a;

export class ResponseParser {
  readonly #handler: ResponseHandler;
  #state: State = 'done';
  #method = '';
  #partial: Buffer | null = null;
  #left = 0;
  #digits = 0;
  #extension = 0;
  #interim = 0;
  #trailer = '';
  /** May the connection carry another request after this answer? */
  keepAlive = false;
  /** Seconds that the upstream promised to keep an idle connection, or -1. */
  keepAliveSeconds = -1;

  constructor(handler: ResponseHandler) {
    this.#handler = handler;
  }

  get idle(): boolean {
    return this.#state === 'done';
  }

  /** Makes ready for the answer to a request of this method. */
  expect(method: string): void {
    this.#method = method;
    this.#state = 'head';
    this.#partial = null;
    this.#interim = 0;
  }

  /**
   * Takes the bytes of one read. `bytes` may be overwritten after the call unless `owned`. Returns how many were used:
   * fewer than all only after 101 (the rest belongs to the new protocol). @throws ProtocolError
   */
  feed(bytes: Buffer, owned: boolean): number {
    let at = 0;
    while (this.#state === 'head') {
      const end = this.#readHead(bytes, at);
      if (end < 0) return bytes.length;
      at = end;
      if ((this.#state as State) === 'done') break;
    }
    if (at < bytes.length && this.#state !== 'done') at = this.#readBody(bytes, at, owned);
    return at;
  }

  /** The upstream has closed. True when that completes the answer. */
  close(): boolean {
    if (this.#state !== 'close') return false;
    this.#complete([]);
    return true;
  }

  /** Index after the head, or -1 when it is not complete yet. */
  #readHead(bytes: Buffer, from: number): number {
    const before = this.#partial;
    const whole = before ? Buffer.concat([before, bytes.subarray(from)]) : bytes;
    const start = before ? 0 : from;
    const end = whole.indexOf('\r\n\r\n', before ? Math.max(0, before.length - 3) : start, 'latin1');
    if (end < 0) {
      if (whole.length - start > maxHeadBytes)
        throw new ProtocolError(`a head of over ${maxHeadBytes} bytes`);
      this.#partial = Buffer.from(whole.subarray(start));
      return -1;
    }
    if (end - start > maxHeadBytes) throw new ProtocolError(`a head of over ${maxHeadBytes} bytes`);
    this.#partial = null;
    this.#takeHead(whole.toString('latin1', start, end + 2));
    return before ? from + (end + 4 - before.length) : end + 4;
  }

  #takeHead(text: string): void {
    const lineEnd = text.indexOf('\r\n');
    const line = text.slice(0, lineEnd);
    const match = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/.exec(line);
    if (!match) throw new ProtocolError('a status line that is not one of HTTP/1.x');
    const status = Number(match[2]);
    const headers = parseFields(text, lineEnd + 2);
    if (status < 200) {
      if (status === 101) this.#state = 'done';
      else if (++this.#interim > maxInterim)
        throw new ProtocolError(`more than ${maxInterim} interim answers`);
      this.#handler.onHead(status, headers);
      return;
    }
    this.#frame(status, headers, match[1] === '1');
    const complete = this.#state === 'done';
    if (complete) this.#state = 'head';
    this.#handler.onHead(status, headers);
    if (complete) this.#complete([]);
  }

  /** RFC 9112 §6.3, without its leniences. */
  #frame(status: number, headers: HeaderList, http11: boolean): void {
    let length = -1;
    let coding: string | null = null;
    let connection = '';
    this.keepAliveSeconds = -1;
    for (let i = 0; i < headers.length; i += 2) {
      const value = headers[i + 1]!;
      switch (headers[i]) {
        case 'content-length': {
          if (!/^\d{1,15}$/.test(value)) throw new ProtocolError('a Content-Length that is not one number');
          const n = Number(value);
          if (length >= 0 && length !== n) throw new ProtocolError('two different lengths');
          length = n;
          break;
        }
        case 'transfer-encoding':
          if (coding !== null) throw new ProtocolError('two Transfer-Encoding fields');
          coding = value.toLowerCase();
          break;
        case 'connection':
          connection += `,${value.toLowerCase()}`;
          break;
        case 'keep-alive': {
          const timeout = /timeout=(\d{1,6})/i.exec(value);
          if (timeout) this.keepAliveSeconds = Number(timeout[1]);
          break;
        }
      }
    }
    this.keepAlive = http11 ? !connection.includes('close') : connection.includes('keep-alive');
    if (coding !== null && length >= 0) throw new ProtocolError('a length and a transfer coding together');
    if (coding !== null && (coding !== 'chunked' || !http11)) {
      throw new ProtocolError('a transfer coding other than "chunked"');
    }
    if (this.#method === 'HEAD' || status === 204 || status === 304) {
      this.#state = 'done';
    } else if (coding !== null) {
      this.#state = 'size';
      this.#left = 0;
      this.#digits = 0;
    } else if (length >= 0) {
      this.#state = length === 0 ? 'done' : 'length';
      this.#left = length;
    } else {
      this.#state = 'close';
      this.keepAlive = false;
    }
  }

  #readBody(bytes: Buffer, from: number, owned: boolean): number {
    if (this.#state === 'close') {
      this.#give(bytes, from, bytes.length, owned);
      return bytes.length;
    }
    if (this.#state === 'length') {
      const end = Math.min(bytes.length, from + this.#left);
      this.#left -= end - from;
      this.#give(bytes, from, end, owned);
      if (this.#left === 0) this.#complete([]);
      return end;
    }
    return this.#readChunks(bytes, from, owned);
  }

  #give(bytes: Buffer, from: number, to: number, owned: boolean): void {
    if (to === from) return;
    const part = bytes.subarray(from, to);
    this.#handler.onBody(owned ? part : Buffer.from(part));
  }

  /** All payload in this read is moved together, so that its receiver is called once. */
  #readChunks(bytes: Buffer, from: number, owned: boolean): number {
    let at = from;
    let pieceStart = -1;
    let pieceEnd = -1;
    while (at < bytes.length && this.#state !== 'done') {
      if (this.#state === 'data') {
        const end = Math.min(bytes.length, at + this.#left);
        this.#left -= end - at;
        if (pieceStart < 0) {
          pieceStart = at;
          pieceEnd = end;
        } else {
          bytes.copyWithin(pieceEnd, at, end);
          pieceEnd += end - at;
        }
        at = end;
        if (this.#left === 0) this.#state = 'data-cr';
        continue;
      }
      this.#readFraming(bytes[at++]!);
    }
    if (pieceStart >= 0) this.#give(bytes, pieceStart, pieceEnd, owned);
    if (this.#state === 'done') this.#complete(this.#trailer === '' ? [] : parseFields(this.#trailer, 0));
    return at;
  }

  #readFraming(byte: number): void {
    switch (this.#state) {
      case 'size': {
        const digit = hexDigit(byte);
        if (digit >= 0) {
          if (++this.#digits > 12) throw new ProtocolError('a chunk size that is too large');
          this.#left = this.#left * 16 + digit;
        } else if (this.#digits === 0) throw new ProtocolError('a chunk without a size');
        else if (byte === cr) this.#state = 'size-lf';
        else if (byte === 0x3b || byte === 0x20 || byte === 0x09) {
          this.#state = 'extension';
          this.#extension = 0;
        } else throw new ProtocolError('a chunk size that is not hexadecimal');
        return;
      }
      case 'extension':
        if (byte === cr) this.#state = 'size-lf';
        else if (byte < 0x20 && byte !== 0x09)
          throw new ProtocolError('a control character in a chunk extension');
        else if (++this.#extension > maxExtensionBytes)
          throw new ProtocolError('a chunk extension that is too long');
        return;
      case 'size-lf':
        if (byte !== lf) throw new ProtocolError('a chunk size without its line feed');
        this.#state = this.#left === 0 ? 'trailers' : 'data';
        this.#trailer = '';
        return;
      case 'data-cr':
        if (byte !== cr) throw new ProtocolError('a chunk longer than its size');
        this.#state = 'data-lf';
        return;
      case 'data-lf':
        if (byte !== lf) throw new ProtocolError('a chunk longer than its size');
        this.#state = 'size';
        this.#digits = 0;
        return;
      default:
        this.#readTrailer(byte);
    }
  }

  #readTrailer(byte: number): void {
    this.#trailer += String.fromCharCode(byte);
    if (this.#trailer.length > maxTrailerBytes)
      throw new ProtocolError(`trailers of over ${maxTrailerBytes} bytes`);
    if (byte !== lf) return;
    if (this.#trailer === '\r\n') {
      this.#trailer = '';
      this.#state = 'done';
    } else if (this.#trailer.endsWith('\r\n\r\n')) {
      this.#trailer = this.#trailer.slice(0, -2);
      this.#state = 'done';
    }
  }

  #complete(trailers: HeaderList): void {
    this.#state = 'done';
    this.#handler.onComplete(trailers);
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Field lines (RFC 9112 §5), each ended by CRLF, from `from` to the end. Names in lower case, values without OWS. */
function parseFields(text: string, from: number): string[] {
  const fields: string[] = [];
  let at = from;
  while (at < text.length) {
    const end = text.indexOf('\r\n', at);
    const colon = text.indexOf(':', at);
    if (end < 0 || colon < 0 || colon > end) throw new ProtocolError('a header line without a colon');
    const name = text.slice(at, colon);
    if (!token.test(name)) throw new ProtocolError('a header name that is not a token');
    const value = text.slice(colon + 1, end);
    if (!fieldValue.test(value)) throw new ProtocolError('a control character in a header value');
    fields.push(name.toLowerCase(), value.trim());
    at = end + 2;
  }
  return fields;
}
