import { Fault, type FaultCode } from '#core/fault.ts';
import type { JsonObject } from '#core/call.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import { isObject } from '#core/read-json.ts';

const retryHeaders = ['retry-after', 'retry-after-ms'];
/** The call itself is at fault: another target would refuse it, too. */
const refusesAnywhere = new Set([400, 413, 422]);

/** https://docs.cohere.com/reference/errors */
export function parseFault(status: number, headers: HeaderList, body: Uint8Array): Fault {
  let message: string | null = null;
  try {
    const document: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
    if (isObject(document) && typeof document['message'] === 'string') message = document['message'];
  } catch {
    // Not every proxy on the way speaks JSON.
  }
  return new Fault(codeOf(status), message ?? `The upstream answered with status ${status}.`, {
    status,
    headers: retryHeaders.flatMap((name) => {
      const value = headerOf(headers, name);
      return value === undefined ? [] : [name, value];
    }),
    retryable: !refusesAnywhere.has(status),
    ...(body.length > 0 ? { upstreamBody: body } : {}),
  });
}

/** An error that came in a stream has no status. */
export const faultInStream = (message: string): Fault =>
  new Fault('upstream/closed', message, { status: 502 });

function codeOf(status: number): FaultCode {
  if (status === 429) return 'upstream/rate-limited';
  if (status === 503) return 'upstream/overloaded';
  if (status >= 500 || status === 408) return 'upstream/closed';
  return 'upstream/refused';
}

/** `sluice` names the fault; the id is the exchange's. */
export const renderError = (fault: Fault, exchangeId: string): JsonObject => ({
  id: exchangeId,
  message: fault.message,
  sluice: { code: fault.code, exchange: exchangeId },
});
