import type { ClientTls } from './target.ts';

/** What is told of traffic to others, and by what rules. Plain data: it goes from thread to thread. */

/** A whole number stands for itself; of one that may have a fraction it is said. */
export type AttributeValue =
  string | number | boolean | { readonly double: number } | readonly string[] | null | undefined;
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** One piece of work in a trace. */
export interface SpanRecord {
  readonly traceId: string;
  readonly spanId: string;
  readonly parent: string | null;
  readonly state: string | null;
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client';
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly attributes: Attributes;
  /** Why it failed; null: it did not. */
  readonly error: string | null;
}

/** Which log a line belongs to. */
export type LogStream = 'access' | 'error' | 'policy';

export interface LogLine {
  readonly stream: LogStream;
  /** JSON on one line, without the newline. */
  readonly text: string;
}

/** What one thread of the data plane tells at once. */
export interface Report {
  readonly spans: readonly SpanRecord[];
  readonly lines: readonly LogLine[];
}

/** Which traces are kept, once it is known how they ended. */
export interface SamplingRules {
  /** Of those that neither failed nor were slow, 0 to 1. */
  readonly ratio: number;
  /** From here on one is slow. */
  readonly slowMs: number;
  /** Where the caller has decided, it is done as it says. */
  readonly followsParent: boolean;
}

export type OtlpSignal = 'traces' | 'metrics' | 'logs';

/** Where one signal is sent by OTLP over HTTP. */
export interface OtlpDestination {
  readonly signal: OtlpSignal;
  readonly url: string;
  readonly encoding: 'protobuf' | 'json';
  readonly gzip: boolean;
  readonly headers: readonly string[];
  readonly tls: ClientTls | null;
  readonly timeoutMs: number;
  /** So many spans or lines wait at most. */
  readonly queue: number;
  /** So long they are gathered; of metrics, between two readings. */
  readonly everyMs: number;
}

export interface TelemetryRules {
  /** Of whoever tells: `service.name` and more. */
  readonly resource: Readonly<Record<string, string>>;
  readonly sampling: SamplingRules;
  readonly otlp: readonly OtlpDestination[];
}
