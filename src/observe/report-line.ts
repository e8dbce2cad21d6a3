import type { LogLine, LogStream, Report, SpanRecord } from '#core/telemetry.ts';

const gatherMs = 200;
/** So many spans and characters of lines may wait in one thread. */
const maxSpans = 8192;
const maxCharacters = 4 * 1024 * 1024;

/**
 * One thread's line to whoever sends its spans and lines on: bounded, one report under way at a time. Whatever there is no room
 * for is dropped and counted.
 */
export class ReportLine {
  readonly #post: (report: Report) => void;
  #spans: SpanRecord[] = [];
  #lines: LogLine[] = [];
  #characters = 0;
  #timer: NodeJS.Timeout | null = null;
  #isUnderWay = false;
  dropped = 0;

  constructor(post: (report: Report) => void) {
    this.#post = post;
  }

  spans(spans: readonly SpanRecord[]): void {
    if (this.#spans.length + spans.length > maxSpans) this.dropped += spans.length;
    else this.#spans.push(...spans);
    this.#arm();
  }

  line(stream: LogStream, text: string): void {
    if (this.#characters + text.length > maxCharacters) {
      this.dropped++;
    } else {
      this.#lines.push({ stream, text });
      this.#characters += text.length;
    }
    this.#arm();
  }

  /** The last report was taken. */
  taken(): void {
    this.#isUnderWay = false;
    if (this.#spans.length + this.#lines.length > 0) this.#arm();
  }

  /** What is left goes, whether the last report was taken or not. */
  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#send();
  }

  #arm(): void {
    if (!this.#isUnderWay) this.#timer ??= setTimeout(() => this.#send(), gatherMs).unref();
  }

  #send(): void {
    this.#timer = null;
    if (this.#spans.length + this.#lines.length === 0) return;
    this.#isUnderWay = true;
    this.#post({ spans: this.#spans, lines: this.#lines });
    this.#spans = [];
    this.#lines = [];
    this.#characters = 0;
  }
}
