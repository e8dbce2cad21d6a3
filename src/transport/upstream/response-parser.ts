import type { HeaderList } from '#core/head.ts';
import { ChunkedReader } from '../http1/chunked-reader.ts';
import { HeadReader } from '../http1/head-reader.ts';
import { resolveFraming } from './message-framing.ts';
import { parseFields } from '../http1/parse-fields.ts';
import { ProtocolError } from '../http1/protocol-error.ts';

export interface ResponseHandler {
  /** Also for interim answers (status < 200), after which another head follows. */
  onHead(status: number, headers: HeaderList): void;
  /** All payload of one read, in one piece, lent until this returns. */
  onBody(chunk: Buffer): void;
}

const maxHeadBytes = 64 * 1024;
const maxInterim = 32;
const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;

const isIdle = 0;
const inHead = 1;
const inLength = 2;
const inChunks = 3;
const untilClose = 4;
const isComplete = 5;
const isSwitched = 6;

const prefix = 'HTTP/1.';

/** An alert of TLS or the greeting of another protocol is said to be one, instead of waiting for the end of its head. */
function refuseHopeless(text: string): void {
  const seen = Math.min(prefix.length, text.length);
  if (text.slice(0, seen) !== prefix.slice(0, seen))
    throw new ProtocolError('something that does not begin like HTTP/1.x');
}

/**
 * A strict reader of HTTP/1.1 responses (RFC 9112). It refuses everything that two readers could take for two different
 * answers; a refusal is a thrown ProtocolError and must end the connection. What a handler throws passes through.
 */
export class ResponseParser {
  readonly #handler: ResponseHandler;
  readonly #head = new HeadReader(maxHeadBytes, refuseHopeless);
  #chunks: ChunkedReader | null = null;
  #state = isIdle;
  #method = '';
  #left = 0;
  #interim = 0;
  /** May the connection carry another request after this answer? */
  keepAlive = false;
  /** Seconds that the upstream promised to keep an idle connection, or -1. */
  keepAliveSeconds = -1;
  trailers: HeaderList = [];

  constructor(handler: ResponseHandler) {
    this.#handler = handler;
  }

  /** No answer is expected, or the expected one is complete. */
  get idle(): boolean {
    return this.#state === isIdle || this.#state === isComplete;
  }

  /** The answer is complete, and `trailers` are its. */
  get complete(): boolean {
    return this.#state === isComplete;
  }

  /** 101 has come: what follows is not HTTP. */
  get switched(): boolean {
    return this.#state === isSwitched;
  }

  /** Makes ready for the answer to a request of this method. */
  expect(method: string): void {
    this.#method = method;
    this.#state = inHead;
    this.#interim = 0;
    this.#head.begin();
  }

  /**
   * Takes the bytes of one read, which it may move about, and lends on the payload among them. Returns how many were used: fewer than all only when the answer is `complete` or `switched`. @throws ProtocolError
   */
  feed(bytes: Buffer): number {
    let at = 0;
    while (this.#state === inHead) {
      if (at === bytes.length) return at;
      const end = this.#head.read(bytes, at);
      if (end < 0) return bytes.length;
      at = end;
      this.#takeHead(this.#head.text);
    }
    if (at === bytes.length) return at;
    switch (this.#state) {
      case inLength: {
        const end = Math.min(bytes.length, at + this.#left);
        this.#left -= end - at;
        this.#handler.onBody(bytes.subarray(at, end));
        if (this.#left === 0) this.#state = isComplete;
        return end;
      }
      case inChunks:
        return this.#readChunks(bytes, at);
      case untilClose:
        this.#handler.onBody(bytes.subarray(at));
        return bytes.length;
      default:
        return at;
    }
  }

  /** The upstream has closed. True when that completes the answer. */
  close(): boolean {
    if (this.#state !== untilClose) return false;
    this.#state = isComplete;
    return true;
  }

  #takeHead(text: string): void {
    const lineEnd = text.indexOf('\r\n');
    const match = statusLine.exec(text.slice(0, lineEnd));
    if (!match) throw new ProtocolError('a status line that is not one of HTTP/1.x');
    const status = Number(match[2]);
    const headers = parseFields(text, lineEnd + 2);
    const framing = resolveFraming({ status, http11: match[1] === '1', method: this.#method }, headers);
    if (status < 200) {
      if (status === 101) this.#state = isSwitched;
      else if (++this.#interim > maxInterim)
        throw new ProtocolError(`more than ${maxInterim} interim answers`);
      this.#handler.onHead(status, headers);
      return;
    }
    this.keepAlive = framing.keepAlive;
    this.keepAliveSeconds = framing.keepAliveSeconds;
    this.trailers = [];
    this.#left = framing.lengthBytes;
    if (framing.kind === 'chunked') {
      (this.#chunks ??= new ChunkedReader({ mayPad: true })).begin();
      this.#state = inChunks;
    } else if (framing.kind === 'close') this.#state = untilClose;
    else this.#state = framing.lengthBytes === 0 ? isComplete : inLength;
    this.#handler.onHead(status, headers);
  }

  #readChunks(bytes: Buffer, from: number): number {
    const chunks = this.#chunks!;
    const at = chunks.read(bytes, from);
    if (chunks.payloadEnd > chunks.payloadStart)
      this.#handler.onBody(bytes.subarray(chunks.payloadStart, chunks.payloadEnd));
    if (chunks.done) {
      this.trailers = chunks.trailers();
      this.#state = isComplete;
    }
    return at;
  }
}
