/**
 * The text an answer has shown so far, kept (bounded) in case nobody says how many tokens it was. Beyond the bound
 * only bytes are counted, and the count is scaled up.
 */
const maxKeptChars = 64 * 1024;
const piecesBeforeFlattening = 32;

export class Tally {
  /** All bytes of visible text, kept or not. */
  bytes = 0;
  #kept = '';
  /** JSON string content (still escaped), one character for each byte. */
  #escaped = '';
  #loose = 0;

  add(text: string): void {
    this.bytes += Buffer.byteLength(text);
    if (this.#kept.length + this.#escaped.length < maxKeptChars)
      this.#kept = this.#flat(this.#kept + text, 'utf8');
  }

  /** Adds the inside of a JSON string literal, as latin1. */
  addEscaped(literal: string): void {
    this.bytes += literal.length;
    if (this.#kept.length + this.#escaped.length < maxKeptChars) {
      this.#escaped = this.#flat(this.#escaped + literal, 'latin1');
    }
  }

  /** What is kept. Texts of the two ways of adding are not interleaved: this is for counting, not for reading. */
  text(): string {
    if (this.#escaped === '') return this.#kept;
    const utf8 = Buffer.from(this.#escaped, 'latin1').toString('utf8');
    return this.#kept + (JSON.parse(`"${utf8}"`) as string);
  }

  /** Scales a token count of `text()` to all that was shown. */
  scale(tokens: number): number {
    const keptBytes = Buffer.byteLength(this.#kept) + this.#escaped.length;
    return keptBytes === 0 ? 0 : Math.ceil((tokens * this.bytes) / keptBytes);
  }

  /** Many short appends make a deep rope that holds on to its chunks: copy it into one string now and then. */
  #flat(rope: string, encoding: 'utf8' | 'latin1'): string {
    if (++this.#loose < piecesBeforeFlattening) return rope;
    this.#loose = 0;
    return Buffer.from(rope, encoding).toString(encoding);
  }
}
