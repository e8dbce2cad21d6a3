/**
 * The canonical request: parsed once at the door, and from then on the only truth. What the router matched, the
 * policies judged, the log wrote and the upstream received are this one object.
 */

import type { ClientCertificate } from './listener.ts';

/** Header names and values alternating, names in lower case, in order of arrival: `[n0, v0, n1, v1, …]`. */
export type HeaderList = readonly string[];

export interface RequestHead {
  /** Upper case, as received. */
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** Lower case, without port and without a trailing dot; an IPv6 literal keeps its brackets. */
  readonly host: string;
  /** As the client named it: host and, if given, port. */
  readonly authority: string;
  /** Canonical path: no dot segments, no NUL; starts with `/`. An encoded slash (`%2F`) goes to no upstream. */
  readonly path: string;
  /** Everything after `?`, without it; empty when there was none. */
  readonly query: string;
  readonly headers: HeaderList;
  /** Address of the peer: the connection's own, or the one a trusted proxy named. */
  readonly clientAddress: string;
  /** The connection's other end. A trusted one may speak for others (`X-Forwarded-*`). */
  readonly peer: { readonly address: string; readonly trusted: boolean };
  /** What the client has proved to be, under TLS; null without a certificate. */
  readonly clientCertificate: ClientCertificate | null;
  /** Body length announced by the client; null when chunked; 0 when there is none. */
  readonly contentLength: number | null;
  /** True when the client asks to leave HTTP (`Connection: Upgrade`). */
  readonly upgrade: string | null;
}

/** First value of a header, or undefined. `name` in lower case. */
export function headerOf(headers: HeaderList, name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return headers[i + 1];
  return undefined;
}

/** All values of a header, line by line. `name` in lower case. */
export function valuesOf(headers: HeaderList, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) values.push(headers[i + 1]!);
  return values;
}

/** A copy of the list without any of the names. */
export function withoutHeaders(headers: HeaderList, names: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (!names.has(headers[i]!)) kept.push(headers[i]!, headers[i + 1]!);
  }
  return kept;
}
