/**
 * The text an answer has shown so far, kept (bounded) in case nobody says how many tokens it was. Beyond the bound
 * only bytes are counted, and the count is scaled up.
 */
const maxKeptBytes = 64 * 1024;
const firstBytes = 1024;

export class Tally {
  /** All bytes of visible text, kept or not. */
  bytes = 0;
  /** How many pieces they came in: of most models each is a token. */
  pieces = 0;
  readonly #plain = new Kept();
  /** Insides of JSON string literals, still escaped. */
  readonly #escaped = new Kept();
  /** Also escaped; null: nobody follows. */
  #tail: Kept | null = null;

  add(text: string): void {
    const bytes = Buffer.byteLength(text);
    this.bytes += bytes;
    if (bytes > 0) this.pieces++;
    if (this.#hasRoom) this.#plain.reserve(bytes).utf8(text, bytes);
    if (this.#tail) this.#follow(this.#tail, JSON.stringify(text).slice(1, -1));
  }

  /** Adds the inside of a JSON string literal that stands in `source`. */
  addEscaped(source: Buffer, start: number, end: number): void {
    this.bytes += end - start;
    if (end > start) this.pieces++;
    if (this.#hasRoom) this.#escaped.reserve(end - start).copy(source, start, end);
    if (this.#tail) this.#tail.reserve(end - start).copy(source, start, end);
  }

  /** From now on all that comes is kept until it is taken. */
  followTail(): void {
    this.#tail = new Kept();
  }

  /** What came since it was last taken, in the order in which it came. */
  takeTail(): string {
    const escaped = this.#tail?.text() ?? '';
    if (escaped !== '') this.#tail = new Kept();
    return unescaped(escaped);
  }

  #follow(tail: Kept, escaped: string): void {
    const bytes = Buffer.byteLength(escaped);
    tail.reserve(bytes).utf8(escaped, bytes);
  }

  /** What is kept. Texts of the two ways of adding are not interleaved: this is for counting, not for reading. */
  text(): string {
    return this.#plain.text() + unescaped(this.#escaped.text());
  }

  /** Scales a token count of `text()` to all that was shown. */
  scale(tokens: number): number {
    const kept = this.#plain.length + this.#escaped.length;
    return kept === 0 ? 0 : Math.ceil((tokens * this.bytes) / kept);
  }

  get #hasRoom(): boolean {
    return this.#plain.length + this.#escaped.length < maxKeptBytes;
  }
}

/** What was never valid JSON is counted as it stands. */
function unescaped(inside: string): string {
  if (inside === '') return '';
  try {
    return JSON.parse(`"${inside}"`) as string;
  } catch {
    return inside;
  }
}

const nothing = Buffer.alloc(0);

/** Bytes that grow by doubling. Strings joined piece by piece would hold on to every chunk they came from. */
class Kept {
  length = 0;
  #bytes = nothing;

  reserve(more: number): this {
    const needed = this.length + more;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(firstBytes, needed, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, this.length);
      this.#bytes = grown;
    }
    return this;
  }

  utf8(text: string, bytes: number): void {
    this.#bytes.write(text, this.length);
    this.length += bytes;
  }

  copy(source: Buffer, start: number, end: number): void {
    source.copy(this.#bytes, this.length, start, end);
    this.length += end - start;
  }

  text(): string {
    return this.#bytes.toString('utf8', 0, this.length);
  }
}
