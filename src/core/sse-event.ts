/** One server-sent event, as its lines said (WHATWG HTML §9.2). */
export interface SseEvent {
  /** Value of the last `event:` line; empty for an unnamed event. */
  readonly name: string;
  /** The `data:` lines joined by LF. */
  readonly data: string;
}
