import type { HeaderList } from '#core/head.ts';
import { ChunkedReader } from '../http1/chunked-reader.ts';
import { HeadReader } from '../http1/head-reader.ts';
import { parseFields } from '../http1/parse-fields.ts';
import { ProtocolError } from '../http1/protocol-error.ts';

/** A request's head as it came: names of headers in lower case, nothing else changed. */
export interface ParsedRequest {
  readonly method: string;
  /** The request target, as received. */
  readonly url: string;
  readonly rawHeaders: HeaderList;
  readonly http11: boolean;
  /** Of the body: 0 when there is none, null when it comes in chunks. */
  readonly contentLength: number | null;
  /** May the connection carry another request after this one? */
  readonly keepAlive: boolean;
  /** Protocol that the client would change to (RFC 9110 §7.8), or null. */
  readonly upgrade: string | null;
}

export interface RequestHandler {
  onHead(request: ParsedRequest): void;
  /** Payload of one read, in one piece. The buffer is the receiver's to keep. */
  onBody(chunk: Buffer): void;
}

const requestLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([\x21-\x7e\x80-\xff]+) HTTP\/1\.([01])$/;
/** Up to its first empty line, which ends it for a reader of HTTP/1.1 (RFC 9113 §3.4). */
const http2Head = 'PRI * HTTP/2.0\r\n';
const hopeless = /[^\t\r\n\x20-\x7e\x80-\xff]/;
/** Of empty lines before a request. */
const maxEmptyBytes = 16;
const cr = 0x0d;
const lf = 0x0a;

/** No request of HTTP/1.1: the client begins HTTP/2. */
export class Http2Begun extends ProtocolError {
  /** What follows the head that it begins with. */
  readonly rest: Buffer;

  constructor(rest: Buffer) {
    super('a connection preface of HTTP/2');
    this.rest = rest;
  }
}

/** What was read of an HTTP/2 connection's beginning when `Http2Begun` was thrown. */
export const http2FirstBytes = Buffer.from(`${http2Head}\r\n`, 'latin1');

const inHead = 0;
const inLength = 1;
const inChunks = 2;
const isComplete = 3;

/**
 * A strict reader of HTTP/1.1 requests (RFC 9112). Whatever two readers could take for two different requests is
 * refused: the lenience of one and the strictness of the next is what request smuggling is made of. A refusal is a
 * thrown ProtocolError, after which nothing more can be read from the connection.
 */
export class RequestParser {
  readonly #handler: RequestHandler;
  readonly #head: HeadReader;
  #chunks: ChunkedReader | null = null;
  #state = inHead;
  #left = 0;
  #sawCr = false;
  #emptyBytes = 0;
  #isFirst = true;

  constructor(maxHeadBytes: number, handler: RequestHandler) {
    this.#handler = handler;
    this.#head = new HeadReader(maxHeadBytes, refuseHopeless);
  }

  /** The request has come to its end; what follows belongs to the next one. */
  get complete(): boolean {
    return this.#state === isComplete;
  }

  /** Its head has come. */
  get hasHead(): boolean {
    return this.#state !== inHead;
  }

  /** Nothing of a request has come yet. */
  get silent(): boolean {
    return this.#state === inHead && !this.#head.underWay;
  }

  get #mayBeginHttp2(): boolean {
    return this.#isFirst && this.#emptyBytes === 0;
  }

  /** Makes ready for the next request. */
  next(): void {
    this.#isFirst = false;
    this.#state = inHead;
    this.#emptyBytes = 0;
    this.#head.begin();
  }

  /**
   * Takes the bytes of one read, which it may move about and whose payload it hands on without copying. Returns how many
   * were used: fewer than all only when the request is `complete`. @throws ProtocolError
   */
  feed(bytes: Buffer): number {
    let at = 0;
    if (this.#state === inHead) {
      if (!this.#head.underWay) at = this.#skipEmptyLines(bytes);
      if (at === bytes.length) return at;
      const end = this.#head.read(bytes, at);
      if (end < 0) return bytes.length;
      at = end;
      const { text } = this.#head;
      this.#head.text = '';
      if (text === http2Head && this.#mayBeginHttp2) throw new Http2Begun(bytes.subarray(at));
      this.#takeHead(text);
    }
    switch (this.#state) {
      case inLength: {
        if (at === bytes.length) return at;
        const end = Math.min(bytes.length, at + this.#left);
        this.#left -= end - at;
        if (this.#left === 0) this.#state = isComplete;
        this.#handler.onBody(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
        return end;
      }
      case inChunks:
        return at === bytes.length ? at : this.#readChunks(bytes, at);
      default:
        return at;
    }
  }

  /** An empty line before a request is some clients' leftover (RFC 9112 §2.2). */
  #skipEmptyLines(bytes: Buffer): number {
    let at = 0;
    for (; at < bytes.length; at++) {
      const expected = this.#sawCr ? lf : cr;
      if (bytes[at] !== expected) break;
      this.#sawCr = !this.#sawCr;
      if (++this.#emptyBytes > maxEmptyBytes) throw new ProtocolError('empty lines without end');
    }
    if (this.#sawCr && at < bytes.length) throw new ProtocolError('a bare carriage return before a request');
    return at;
  }

  #takeHead(text: string): void {
    const lineEnd = text.indexOf('\r\n');
    const match = requestLine.exec(text.slice(0, lineEnd));
    if (!match) throw new ProtocolError('a request line that is not one of HTTP/1.x');
    const http11 = match[3] === '1';
    const rawHeaders = parseFields(text, lineEnd + 2);
    const framing = resolveFraming(rawHeaders, http11);
    const { contentLength } = framing;
    this.#left = contentLength ?? 0;
    if (contentLength === null) {
      (this.#chunks ??= new ChunkedReader({ mayPad: false })).begin();
      this.#state = inChunks;
    } else this.#state = contentLength === 0 ? isComplete : inLength;
    this.#handler.onHead({ method: match[1]!, url: match[2]!, rawHeaders, http11, ...framing });
  }

  #readChunks(bytes: Buffer, from: number): number {
    const chunks = this.#chunks!;
    const at = chunks.read(bytes, from);
    // Trailers are checked and dropped: nobody judged them when the request was admitted.
    if (chunks.done) {
      chunks.trailers();
      this.#state = isComplete;
    }
    if (chunks.payloadEnd > chunks.payloadStart)
      this.#handler.onBody(bytes.subarray(chunks.payloadStart, chunks.payloadEnd));
    return at;
  }
}

function refuseHopeless(text: string): void {
  if (hopeless.test(text))
    throw new ProtocolError('something that does not begin like a request of HTTP/1.x');
}

/** RFC 9112 §6.3 without its leniences, and what `Connection` says. @throws ProtocolError */
function resolveFraming(headers: HeaderList, http11: boolean) {
  let length: string | null = null;
  let coding: string | null = null;
  let closes = !http11;
  let asksUpgrade = false;
  let protocol: string | null = null;
  for (let i = 0; i < headers.length; i += 2) {
    const value = headers[i + 1]!;
    switch (headers[i]) {
      case 'content-length':
        if (length !== null) throw new ProtocolError('two Content-Length fields');
        length = value;
        break;
      case 'transfer-encoding':
        if (coding !== null) throw new ProtocolError('two Transfer-Encoding fields');
        coding = value.toLowerCase();
        break;
      case 'connection':
        for (const option of value.toLowerCase().split(',')) {
          const name = option.trim();
          if (name === 'close') closes = true;
          else if (name === 'upgrade') asksUpgrade = true;
        }
        break;
      case 'upgrade':
        protocol = value;
        break;
    }
  }
  if (coding !== null) {
    if (length !== null) throw new ProtocolError('a length and a transfer coding together');
    if (coding !== 'chunked' || !http11) throw new ProtocolError('a transfer coding other than "chunked"');
  }
  // 15 digits stay exact in a double.
  if (length !== null && !/^\d{1,15}$/.test(length))
    throw new ProtocolError('a Content-Length that is not one number');
  return {
    contentLength: coding !== null ? null : Number(length ?? 0),
    keepAlive: !closes,
    upgrade: asksUpgrade && http11 ? protocol : null,
  };
}
