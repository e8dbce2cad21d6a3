import type { JsonObject } from '#core/call.ts';
import { Fault, type FaultCode } from '#core/fault.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import { isObject } from '#core/read-json.ts';

interface Came {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Uint8Array;
}

const retryHeaders = ['retry-after', 'retry-after-ms', 'x-should-retry'];
/** https://docs.anthropic.com/en/api/errors */
const statuses: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  timeout_error: 504,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  overloaded_error: 529,
};
const types: Readonly<Record<number, string>> = {
  ...Object.fromEntries(Object.entries(statuses).map(([type, status]) => [status, type])),
  408: 'timeout_error',
  422: 'invalid_request_error',
  503: 'overloaded_error',
};
/** The call itself is at fault: another target would refuse it, too. */
const refusesAnywhere = new Set([400, 413, 422]);

export function parseFault(status: number, headers: HeaderList, body: Uint8Array): Fault {
  let document: unknown;
  try {
    document = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    // Not every proxy on the way speaks JSON.
  }
  if (!isObject(document)) return faultOfError({}, { status, headers, body });
  if (isObject(document['error']) && document['type'] === 'error')
    return faultOfError(document['error'], { status, headers, body });
  // Of a cloud that hosts the models, in its own words: `{ error: { message, status } }`, `{ message }`.
  const { message } = isObject(document['error']) ? document['error'] : document;
  return faultOfError({ message }, { status, headers, body: new Uint8Array() });
}

export function faultOfError(error: JsonObject, came: Came | null): Fault {
  const type = typeof error['type'] === 'string' ? error['type'] : null;
  const status = came?.status ?? (type === null ? 502 : (statuses[type] ?? 502));
  const message =
    typeof error['message'] === 'string' ? error['message'] : `The upstream answered with status ${status}.`;
  const headers = came
    ? retryHeaders.flatMap((name) => {
        const value = headerOf(came.headers, name);
        return value === undefined ? [] : [name, value];
      })
    : [];
  return new Fault(codeOf(status), message, {
    status,
    headers,
    retryable: !refusesAnywhere.has(status),
    ...(type === null ? {} : { upstreamType: type }),
    ...(came && came.body.length ? { upstreamBody: came.body } : {}),
  });
}

function codeOf(status: number): FaultCode {
  if (status === 429) return 'upstream/rate-limited';
  if (status === 503 || status === 529) return 'upstream/overloaded';
  if (status >= 500 || status === 408) return 'upstream/closed';
  return 'upstream/refused';
}

/** `sluice` names the fault; the request id is the exchange's. */
export function renderError(fault: Fault, exchangeId: string): JsonObject {
  const type = types[fault.status] ?? (fault.status >= 500 ? 'api_error' : 'invalid_request_error');
  return {
    type: 'error',
    error: {
      type,
      message: fault.message,
      details: { error_code: fault.details.upstreamCode ?? fault.code },
    },
    request_id: exchangeId,
  };
}
