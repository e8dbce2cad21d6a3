import type { Fault } from '#core/fault.ts';
import { headerOf, type HeaderList, type RequestHead } from '#core/head.ts';

/** Codes of gRPC (statuscodes.md) by our status. */
const codes: Readonly<Record<number, number>> = {
  400: 3, // INVALID_ARGUMENT
  401: 16, // UNAUTHENTICATED
  403: 7, // PERMISSION_DENIED
  404: 12, // UNIMPLEMENTED: no such route is no such service
  405: 12,
  408: 4, // DEADLINE_EXCEEDED
  413: 8, // RESOURCE_EXHAUSTED
  421: 14, // UNAVAILABLE
  429: 8,
  431: 8,
  499: 1, // CANCELLED
  501: 12,
  502: 14,
  503: 14,
  504: 4,
};
const unknown = 2;
const internal = 13;

/** Does this client understand errors of gRPC only? */
export function speaksGrpc(head: RequestHead): boolean {
  return /^application\/grpc(?:[+;]|$)/i.test(headerOf(head.headers, 'content-type') ?? '');
}

/** The headers of an answer that is nothing but its trailers: status 200, for what went wrong is said by `grpc-status`. */
export function grpcFault(fault: Fault): HeaderList {
  const { status } = fault;
  const code = codes[status] ?? (status >= 500 ? internal : unknown);
  return [
    'content-type',
    'application/grpc',
    'grpc-status',
    String(code),
    'grpc-message',
    escapeMessage(fault.message),
  ];
}

/** PROTOCOL-HTTP2.md: all but printable ASCII, and "%", is percent-encoded UTF-8. */
function escapeMessage(text: string): string {
  let escaped = '';
  for (const byte of new TextEncoder().encode(text))
    escaped +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return escaped;
}
