import { Fault, type FaultCode } from '#core/fault.ts';
import type { JsonObject } from '#core/call.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import { isObject } from '#core/read-json.ts';

const retryHeaders = ['retry-after', 'retry-after-ms'];
/** The call itself is at fault: another target would refuse it, too. */
const refusesAnywhere = new Set([400, 413, 422]);
/** https://cloud.google.com/apis/design/errors#handling_errors */
const statuses: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  408: 'DEADLINE_EXCEEDED',
  409: 'ABORTED',
  413: 'INVALID_ARGUMENT',
  422: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  501: 'UNIMPLEMENTED',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
  529: 'UNAVAILABLE',
};
const types = 'type.googleapis.com/google.rpc.';

/** A stream that was asked for as an array is refused with an array. https://ai.google.dev/gemini-api/docs/troubleshooting */
export function parseFault(status: number, headers: HeaderList, body: Uint8Array): Fault {
  let error: JsonObject = {};
  try {
    const document: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
    const first: unknown = Array.isArray(document) ? document[0] : document;
    if (isObject(first) && isObject(first['error'])) error = first['error'];
  } catch {
    // Not every proxy on the way speaks JSON.
  }
  const given = retryHeaders.flatMap((name) => {
    const value = headerOf(headers, name);
    return value === undefined ? [] : [name, value];
  });
  return faultOf(error, status, {
    headers: given.length > 0 ? given : retryAfter(error),
    ...(body.length > 0 ? { upstreamBody: body } : {}),
  });
}

/** An error in a stream says its status itself. */
export function faultInStream(error: JsonObject): Fault {
  const { code } = error;
  const status = typeof code === 'number' && code >= 400 && code <= 599 ? code : 502;
  return faultOf(error, status, { headers: retryAfter(error) });
}

function faultOf(
  error: JsonObject,
  status: number,
  more: { headers: readonly string[]; upstreamBody?: Uint8Array },
): Fault {
  const said = typeof error['message'] === 'string' ? error['message'] : null;
  // A wrong key is said to be a wrong argument: another target has another key.
  const isKey = detailsOf(error).some((detail) => detail['reason'] === 'API_KEY_INVALID');
  return new Fault(codeOf(status), said ?? `The upstream answered with status ${status}.`, {
    status,
    retryable: isKey || !refusesAnywhere.has(status),
    ...more,
  });
}

const detailsOf = (error: JsonObject): JsonObject[] =>
  Array.isArray(error['details']) ? error['details'].filter(isObject) : [];

/** There is no header for it: `retryDelay` is a duration such as `34.4s`. */
function retryAfter(error: JsonObject): string[] {
  for (const detail of detailsOf(error)) {
    const delay = detail['retryDelay'];
    const seconds = typeof delay === 'string' ? /^(\d{1,9}(?:\.\d{1,9})?)s$/.exec(delay)?.[1] : undefined;
    if (seconds === undefined) continue;
    const value = Number(seconds);
    return ['retry-after', String(Math.ceil(value)), 'retry-after-ms', String(Math.ceil(value * 1000))];
  }
  return [];
}

function codeOf(status: number): FaultCode {
  if (status === 429) return 'upstream/rate-limited';
  if (status === 503) return 'upstream/overloaded';
  if (status >= 500 || status === 408) return 'upstream/closed';
  return 'upstream/refused';
}

/** The fault's code is the reason of an `ErrorInfo`, the exchange a part of its metadata. */
export function renderError(fault: Fault, exchangeId: string): JsonObject {
  const { status } = fault;
  const seconds = headerOf(fault.details.headers ?? [], 'retry-after');
  const delay = seconds !== undefined && /^\d+$/.test(seconds) ? seconds : null;
  return {
    error: {
      code: status,
      message: fault.message,
      status: statuses[status] ?? (status >= 500 ? 'INTERNAL' : 'FAILED_PRECONDITION'),
      details: [
        {
          '@type': `${types}ErrorInfo`,
          reason: fault.details.upstreamCode ?? fault.code,
          domain: 'sluice',
          metadata: { exchange: exchangeId },
        },
        ...(delay === null ? [] : [{ '@type': `${types}RetryInfo`, retryDelay: `${delay}s` }]),
      ],
    },
  };
}
