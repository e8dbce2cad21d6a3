import type { Fault } from '../fault.ts';
import type { HeaderList } from '../head.ts';
import type { Http2Use } from '../http2-use.ts';
import type { Timeouts } from '../target.ts';

/** Where to connect, and how. Two origins with the same `key` may share connections. */
export interface Origin {
  readonly key: string;
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly proxy: string | null;
  /** Absent: HTTP/1.1. */
  readonly http2?: Http2Use;
  /** IP address to connect to; absent: the host is looked up. */
  readonly address?: string;
  readonly tls: {
    readonly ca: string | null;
    readonly cert: string | null;
    readonly key: string | null;
  } | null;
}

/** Bytes that are still arriving. Flows only between `open` and the end; `pause` and `resume` are advisory. */
export interface BodySource {
  /** Null when it is not known beforehand. */
  readonly lengthBytes: number | null;
  open(sink: BodySink): void;
  pause(): void;
  resume(): void;
}

export interface BodySink {
  /** The chunk is the receiver's to keep. */
  onData(chunk: Buffer): void;
  onEnd(): void;
  onFault(fault: Fault): void;
}

export interface UpstreamRequest {
  readonly origin: Origin;
  readonly method: string;
  /** Path and query, as put on the request line. */
  readonly path: string;
  /** Complete but for framing (`content-length`, `transfer-encoding`, `connection`), which the client adds. */
  readonly headers: HeaderList;
  readonly body: Buffer | BodySource | null;
  readonly timeouts: Timeouts;
  /** May it be sent a second time although the first may have arrived (RFC 9110 §9.2.2)? */
  readonly idempotent: boolean;
  /** Protocol to upgrade to, or null. */
  readonly upgrade: string | null;
}

/** Exactly one of `onEnd`, `onFault`, `onUpgrade` comes, and comes last. */
export interface UpstreamSink {
  /** An interim answer (103 and the like; 100 is swallowed). */
  onInterim?(status: number, headers: HeaderList): void;
  onHead(status: number, headers: HeaderList): void;
  /** The chunk is lent: its bytes are others' once this returns, so whatever is kept is copied. */
  onData(chunk: Buffer): void;
  onEnd(trailers: HeaderList): void;
  onFault(fault: Fault): void;
  onUpgrade?(headers: HeaderList, socket: RawSocket, firstBytes: Buffer): void;
}

/** An upgraded connection: a duplex of bytes. node:net's Socket and node:tls's TLSSocket are ones. */
export interface RawSocket {
  write(chunk: Uint8Array): boolean;
  end(): void;
  destroy(): void;
  pause(): unknown;
  resume(): unknown;
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  on(event: 'drain' | 'end' | 'close', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

export interface UpstreamCall {
  /** Stop and start reading from the upstream. */
  pause(): void;
  resume(): void;
  /** Ends the call at once and destroys its connection; no callback comes after it. Harmless when it is over. */
  cancel(): void;
}

/**
 * Sends requests. Never throws: everything that goes wrong is an `onFault`, always asynchronous. A request whose
 * kept-alive connection turned out stale is sent anew only if it is idempotent or no byte of it was written.
 */
export interface Upstream {
  start(request: UpstreamRequest, sink: UpstreamSink): UpstreamCall;
  /** Connections by origin key, for metrics and tests. */
  stats(): { readonly open: number; readonly idle: number; readonly active: number };
  /** Closes idle connections now and the others as they end. */
  close(): void;
}
