import { brotliDecompressSync, constants, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { parseJson } from '#core/parse-json.ts';
import { endOfEvent, parseEvent } from '#core/sse.ts';

export interface BodyForm {
  readonly encoding: string | undefined;
  readonly mediaType: string | undefined;
  /** Of a whole body, or of one event: what is longer is not read. */
  readonly maxBytes: number;
}

type Unpack = (packed: Buffer, bound: { readonly maxOutputLength: number }) => Buffer;

const unpackers: Readonly<Record<string, Unpack>> = {
  __proto__: null as never,
  gzip: gunzipSync,
  'x-gzip': gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
  // RFC 9659: a window of 8 MiB is all that a sender may ask for.
  zstd: (packed, bound) =>
    zstdDecompressSync(packed, { ...bound, params: { [constants.ZSTD_d_windowLogMax]: 23 } }),
};

/** Bodies that are one document after the other. */
const streamed: Readonly<Record<string, 'events' | 'lines'>> = {
  __proto__: null as never,
  'text/event-stream': 'events',
  'application/x-ndjson': 'lines',
  'application/ndjson': 'lines',
  'application/jsonl': 'lines',
  'application/x-jsonlines': 'lines',
};

/**
 * Reads the JSON documents of a body as it passes: a whole one, or the events of a stream one by one, so that no more than one of
 * them is kept. An answer is asked for as it is; one that comes packed all the same is unpacked when it is over, as far as it is
 * within the bound both ways.
 */
export class MeteredBody {
  readonly #maxBytes: number;
  readonly #found: (document: unknown) => void;
  readonly #framing: 'events' | 'lines' | null;
  readonly #unpack: Unpack | null;
  /** Of a body that is read when it is over; null once it is too long. */
  #chunks: Buffer[] | null = [];
  #bytes = 0;
  readonly #decoder = new TextDecoder();
  #text = '';
  /** The event that is under way is too long, and passes unread. */
  #skips = false;

  constructor(
    { encoding = 'identity', mediaType = '', maxBytes }: BodyForm,
    found: (document: unknown) => void,
  ) {
    this.#maxBytes = maxBytes;
    this.#found = found;
    const type = /^[^;]*/.exec(mediaType)![0].trim().toLowerCase();
    this.#framing = streamed[type] ?? null;
    const coding = encoding.trim().toLowerCase();
    this.#unpack = unpackers[coding] ?? null;
    if (coding !== 'identity' && coding !== '' && !this.#unpack) this.#chunks = null;
  }

  /** The chunk is lent. */
  take(chunk: Buffer): void {
    if (!this.#chunks) return;
    if (this.#framing && !this.#unpack) return this.#read(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > this.#maxBytes) this.#chunks = null;
    else this.#chunks.push(Buffer.from(chunk));
  }

  end(): void {
    if (!this.#chunks) return;
    if (this.#framing && !this.#unpack) return this.#readLast();
    const packed = Buffer.concat(this.#chunks);
    this.#chunks = null;
    const plain = this.#unpack ? this.#unpacked(packed) : packed;
    if (!plain) return;
    if (!this.#framing) return this.#parse(plain.toString('utf8'));
    this.#read(plain);
    this.#readLast();
  }

  #unpacked(packed: Buffer): Buffer | null {
    try {
      return this.#unpack!(packed, { maxOutputLength: this.#maxBytes });
    } catch {
      return null;
    }
  }

  #read(chunk: Buffer): void {
    this.#text += this.#decoder.decode(chunk, { stream: true });
    let from = 0;
    for (;;) {
      const end = this.#endOf(from);
      if (end < 0) break;
      if (this.#skips) this.#skips = false;
      else this.#one(this.#text.slice(from, end));
      from = end;
    }
    this.#text = this.#text.slice(from);
    if (this.#text.length <= this.#maxBytes) return;
    this.#skips = true;
    // The end of it may be cut in two.
    this.#text = this.#text.slice(-3);
  }

  #endOf(from: number): number {
    if (this.#framing === 'events') return endOfEvent(this.#text, from, this.#text.includes('\r'));
    return this.#text.indexOf('\n', from) + 1 || -1;
  }

  #readLast(): void {
    this.#text += this.#decoder.decode();
    if (!this.#skips) this.#one(this.#text);
    this.#text = '';
  }

  #one(text: string): void {
    this.#parse(this.#framing === 'events' ? parseEvent(text).data : text);
  }

  #parse(text: string): void {
    const first = text.trimStart()[0];
    if (first !== '{' && first !== '[') return;
    try {
      this.#found(parseJson(text));
    } catch {
      // It is no JSON, and says nothing.
    }
  }
}
