import { Fault, type FaultCode } from '#core/fault.ts';
import type { JsonObject } from '#core/call.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import { isObject } from '#core/read-json.ts';

/** https://platform.openai.com/docs/guides/error-codes */
export function parseFault(status: number, headers: HeaderList, body: Uint8Array): Fault {
  let error: JsonObject = {};
  try {
    const document: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
    if (isObject(document)) error = isObject(document['error']) ? document['error'] : document;
  } catch {
    // Not every proxy on the way speaks JSON.
  }
  return faultOfError(error, { status, headers, body });
}

interface Came {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Uint8Array;
}

const retryHeaders = ['retry-after', 'retry-after-ms', 'x-should-retry'];

export function faultOfError(error: JsonObject, came: Came | null): Fault {
  const code = typeof error['code'] === 'string' ? error['code'] : null;
  const type = typeof error['type'] === 'string' ? error['type'] : null;
  const status = came?.status ?? statusInStream(error);
  const said = [error['message'], error['detail'], error['error'], problemsOf(error)].find(
    (text) => typeof text === 'string',
  );
  const headers = came
    ? retryHeaders.flatMap((name) => {
        const value = headerOf(came.headers, name);
        return value === undefined ? [] : [name, value];
      })
    : [];
  return new Fault(
    codeOf(status),
    typeof said === 'string' ? said : `The upstream answered with status ${status}.`,
    {
      status,
      headers,
      retryable: !refusesAnywhere.has(status),
      ...(typeof error['param'] === 'string' ? { field: error['param'] } : {}),
      ...(type === null ? {} : { upstreamType: type }),
      ...(code === null ? {} : { upstreamCode: code }),
      ...(came && came.body.length ? { upstreamBody: came.body } : {}),
    },
  );
}

/** What a validator found wrong, field by field: `{ detail: [{ loc: ['body', 'n'], msg }] }`. */
function problemsOf(error: JsonObject): string | null {
  const { detail } = isObject(error['message']) ? error['message'] : error;
  if (!Array.isArray(detail)) return null;
  const problems = detail.filter(isObject).map(({ loc, msg }) => {
    const place = Array.isArray(loc) ? loc.filter((part) => part !== 'body').join('.') : '';
    return place === '' ? String(msg) : `${place}: ${String(msg)}`;
  });
  return problems.length > 0 ? problems.join('; ') : null;
}

/** An error in a stream has no status of its own; some providers give one as its code. */
function statusInStream(error: JsonObject): number {
  const { code, type } = error;
  if (typeof code === 'number' && code >= 400 && code < 600) return code;
  const known = [code, type].find((name) => typeof name === 'string' && Object.hasOwn(statuses, name));
  return typeof known === 'string' ? statuses[known]! : 502;
}

const statuses: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  context_length_exceeded: 400,
  authentication_error: 401,
  invalid_api_key: 401,
  permission_error: 403,
  model_not_found: 404,
  request_too_large: 413,
  insufficient_quota: 429,
  rate_limit_error: 429,
  rate_limit_exceeded: 429,
  server_error: 500,
  overloaded: 503,
  timeout: 504,
};

/** The call itself is at fault: another target would refuse it, too. */
const refusesAnywhere = new Set([400, 413, 422]);

function codeOf(status: number): FaultCode {
  if (status === 429) return 'upstream/rate-limited';
  if (status === 503 || status === 529) return 'upstream/overloaded';
  if (status >= 500 || status === 408) return 'upstream/closed';
  return 'upstream/refused';
}

const types: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'insufficient_quota',
  403: 'permission_error',
  404: 'not_found',
  408: 'timeout',
  409: 'conflict_error',
  413: 'request_too_large',
  422: 'invalid_request_error',
  429: 'rate_limit_error',
  503: 'overloaded',
  504: 'timeout',
  529: 'overloaded',
};

/** Codes that clients of this dialect know, for faults that mean the same. */
const codes: Readonly<Partial<Record<FaultCode, string>>> = {
  'model/not-found': 'model_not_found',
  'auth/no-credential': 'invalid_api_key',
  'auth/unknown-credential': 'invalid_api_key',
  'auth/expired': 'invalid_api_key',
  'limit/exceeded': 'rate_limit_exceeded',
};

/** The same for an upstream that has no codes: by fault and status. */
const upstreamCodes: Readonly<Record<string, string>> = {
  'upstream/refused404': 'model_not_found',
  'upstream/rate-limited429': 'rate_limit_exceeded',
};

/** The error object. `sluice` names the fault and the exchange whatever the vendor's code says. */
export function renderError(fault: Fault, exchangeId: string): JsonObject {
  const { upstreamCode, field } = fault.details;
  return {
    message: fault.message,
    type: types[fault.status] ?? (fault.status >= 500 ? 'server_error' : 'invalid_request_error'),
    param: field ?? null,
    code: upstreamCode ?? codes[fault.code] ?? upstreamCodes[fault.code + fault.status] ?? fault.code,
    sluice: { code: fault.code, exchange: exchangeId },
  };
}
