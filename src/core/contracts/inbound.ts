import type { HeaderList, RequestHead } from '../head.ts';
import type { BodySource, RawSocket } from './upstream.ts';

/** One request as a server hands it over: the narrow contract behind which the HTTP parser can be replaced. */
export interface Inbound {
  readonly head: RequestHead;
  /** The body as it arrives. Use either this or `readBody`, once. */
  readonly body: BodySource;
  /**
   * The whole body.
   * @throws Fault `request/body-too-large`, `request/timeout` or `client/gone`.
   */
  readBody(limitBytes: number): Promise<Buffer>;
  /** True once the status line is on its way. */
  readonly begun: boolean;
  /** True once the client hung up. */
  readonly gone: boolean;
  /** Called once when the client hangs up before the answer is complete. */
  onGone(listener: () => void): void;
  /** An interim answer. */
  interim(status: number, headers: HeaderList): void;
  /** A whole answer. Adds `content-length` and `date`. */
  respond(status: number, headers: HeaderList, body: Buffer | string | null): void;
  /** Begins an answer; a body follows by `write` and `end`. Without `content-length` in the headers it is chunked. */
  begin(status: number, headers: HeaderList): void;
  /** False when the client reads too slowly: stop until `onDrain`. The chunk is only lent. */
  write(chunk: Buffer | string): boolean;
  onDrain(listener: () => void): void;
  /** `false` from `complete` breaks the connection instead of ending the body, so that no client takes it for whole. */
  end(complete?: boolean, trailers?: HeaderList): void;
  /** Answers 101 and hands over the connection; null when that is no longer possible. */
  upgrade(headers: HeaderList): { readonly socket: RawSocket; readonly firstBytes: Buffer } | null;
  /** Bytes of body written so far. */
  readonly bytesOut: number;
}
