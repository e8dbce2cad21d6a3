import type { Origin } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';

/** `host:port` of the origin, as messages name it. */
export const nameOf = (origin: Origin): string => `${origin.host}:${origin.port}`;

const codeOf = (error: Error): string | undefined => (error as NodeJS.ErrnoException).code;

/** Did the handshake itself, or the certificate, fail, rather than the network? */
export function isTlsError(error: Error): boolean {
  return 'library' in error || /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|EPROTO)/.test(codeOf(error) ?? '');
}

export function tlsFault(origin: Origin, error: Error): Fault {
  return new Fault(
    'upstream/tls',
    `${nameOf(origin)} was to prove who it is by TLS, which failed (${codeOf(error) ?? error.message}). ` +
      `Check its certificate, the authorities in "tls.ca", and that "tls.cert" and "tls.key" belong together.`,
    { cause: error },
  );
}

export function connectFault(origin: Origin, error: Error): Fault {
  return new Fault(
    'upstream/connect',
    `${nameOf(origin)} could not be reached (${codeOf(error) ?? error.message}). Check its address and that it is up.`,
    { cause: error },
  );
}

/** Not a byte has left, or the upstream says that it looked at none: it may be repeated whatever it is. */
export function unsentFault(fault: Fault): Fault {
  return new Fault(fault.code, fault.message, { unsent: true, cause: fault.details.cause });
}

/** What came of a request that must not be sent twice cannot be known: whoever decides about it is told so. */
export function ambiguousFault(fault: Fault): Fault {
  const message = `${fault.message} Whether the request arrived cannot be known, and it is not safe to repeat it unseen.`;
  return new Fault(fault.code, message, { retryable: true, ambiguous: true, cause: fault.details.cause });
}

/** An established connection ended too early. */
export function closedFault(origin: Origin, error: Error | null): Fault {
  if (error !== null && isTlsError(error)) return tlsFault(origin, error);
  const why = error === null ? '' : ` (${codeOf(error) ?? error.message})`;
  return new Fault(
    'upstream/closed',
    `${nameOf(origin)} closed the connection before its answer was complete${why}.`,
    { cause: error ?? undefined },
  );
}
