import { createHash, type Hash } from 'node:crypto';
import type { AnswerRecorder } from '#core/contracts/answer-recorder.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import { longestMatch, type Mask } from './mask.ts';

const isJson = /^application\/(?:[^;]+\+)?json\b/i;
const isText = /^(?:text\/|application\/(?:x-www-form-urlencoded|xml|[^;]+\+xml|x-ndjson))/i;

export interface SeenBody {
  readonly contentType: string;
  readonly bytes: number;
  /** As much of it as is kept. */
  readonly kept: Buffer;
  readonly sha256: string;
}

/** What is recorded of a body: a text in its masked form, of anything else its size and digest. */
export function renderBody({ contentType, bytes, kept, sha256 }: SeenBody, mask: Mask, maxBytes: number) {
  const about = { contentType, bytes, sha256 };
  const text = kept.toString('utf8');
  const ending = kept.length === bytes && text.length <= maxBytes ? {} : { truncated: true };
  if (isJson.test(contentType)) return { ...about, text: mask.json(text, maxBytes), ...ending };
  return isText.test(contentType)
    ? { ...about, text: mask.text(text, Math.min(text.length, maxBytes)), ...ending }
    : about;
}

/** Keeps the beginning of what a client is answered on a route whose answers are nobody's to understand. */
export class BodyRecorder implements AnswerRecorder {
  readonly #room: number;
  readonly #done: (body: SeenBody | null, isComplete: boolean) => void;
  readonly #digest: Hash = createHash('sha256');
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;
  #bytes = 0;
  #contentType: string | null = null;

  constructor(maxBytes: number, done: (body: SeenBody | null, isComplete: boolean) => void) {
    this.#room = maxBytes + longestMatch;
    this.#done = done;
  }

  onHead(_status: number, headers: HeaderList): void {
    this.#contentType = headerOf(headers, 'content-type') ?? '';
  }

  onData(chunk: Buffer): void {
    this.#digest.update(chunk);
    this.#bytes += chunk.length;
    const room = this.#room - this.#keptBytes;
    if (room <= 0) return;
    const piece = Buffer.from(chunk.subarray(0, room));
    this.#kept.push(piece);
    this.#keptBytes += piece.length;
  }

  onEnd({ complete }: { readonly complete: boolean }): void {
    if (this.#contentType === null) return this.#done(null, complete);
    const kept = Buffer.concat(this.#kept);
    this.#done(
      { contentType: this.#contentType, bytes: this.#bytes, kept, sha256: this.#digest.digest('hex') },
      complete,
    );
  }
}
