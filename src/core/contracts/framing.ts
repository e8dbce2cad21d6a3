import type { SseEvent } from '../sse-event.ts';

/** How a streamed body is cut into events: server-sent events, lines of JSON, frames with lengths and checksums. */
export interface Framing {
  /** What the `content-type` of such a body begins with, in lower case. */
  readonly mediaType: string;
  /** How the bytes of a frame become the text given to `parse`; `latin1` gives one character for each byte. */
  readonly encoding: 'utf8' | 'latin1';
  /**
   * Index after the frame that begins at `from`, or -1 when it is not complete. `text` has one character for each byte;
   * `hasCr` says that a carriage return was seen in the body.
   * @throws Fault `upstream/malformed-answer` for what can never become a frame.
   */
  endOf(text: string, from: number, hasCr: boolean): number;
  /**
   * What a frame says; both members empty for what says nothing.
   * @throws Fault `upstream/malformed-answer`, as for a wrong checksum.
   */
  parse(frame: string): SseEvent;
  /** What completes a last frame that the body ended within; null: such a one is lost. */
  readonly closing: string | null;
  /** What a frame looks like depends on those before it, so that all of them pass as they came or none does. */
  readonly linked?: true;
  /** Frames are only wrapped around events that the dialect's clients get as server-sent ones. */
  readonly wraps?: true;
}
