import type { JsonObject } from '#core/call.ts';
import { Fault, type FaultCode } from '#core/fault.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import { isObject } from '#core/read-json.ts';

const retryHeaders = ['retry-after', 'retry-after-ms'];
/** The call itself is at fault: another target would refuse it, too. */
const refusesAnywhere = new Set([400, 413, 422]);

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors */
const types: Readonly<Record<number, string>> = {
  400: 'ValidationException',
  401: 'AccessDeniedException',
  403: 'AccessDeniedException',
  404: 'ResourceNotFoundException',
  408: 'ModelTimeoutException',
  413: 'ValidationException',
  422: 'ValidationException',
  424: 'ModelErrorException',
  429: 'ThrottlingException',
  502: 'ServiceUnavailableException',
  503: 'ServiceUnavailableException',
  504: 'ModelTimeoutException',
  529: 'ServiceUnavailableException',
};

/** Exceptions that come within a stream, and the statuses they would have come with. */
const statuses: Readonly<Record<string, number>> = {
  internalServerException: 500,
  modelStreamErrorException: 424,
  validationException: 400,
  throttlingException: 429,
  serviceUnavailableException: 503,
  modelTimeoutException: 408,
};

/** The kind stands in a header, with an address after a colon now and then. */
export function parseFault(status: number, headers: HeaderList, body: Uint8Array): Fault {
  let document: JsonObject = {};
  try {
    const parsed: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
    if (isObject(parsed)) document = parsed;
  } catch {
    // Not every proxy on the way speaks JSON.
  }
  const type = headerOf(headers, 'x-amzn-errortype')?.split(':')[0];
  const said = retryHeaders.flatMap((name) => {
    const value = headerOf(headers, name);
    return value === undefined ? [] : [name, value];
  });
  const message = messageOf(document) ?? `The upstream answered with status ${status}.`;
  // What it would have had signed holds the operator's session token.
  const [shown = '', ...signed] = message.split(/ The (?:Canonical String|String-to-Sign)/);
  return new Fault(codeOf(status), shown, {
    status,
    headers: said,
    // A quota of the account is no fault of the call.
    retryable: !refusesAnywhere.has(status) || type === 'ServiceQuotaExceededException',
    ...(type === undefined ? {} : { upstreamType: type }),
    ...(body.length > 0 && signed.length === 0 ? { upstreamBody: body } : {}),
  });
}

/** Null where the event is no exception. */
export function faultInStream(type: string, payload: unknown): Fault | null {
  const isError = type in statuses || /(?:Exception|^error)$/i.test(type);
  if (!isError) return null;
  const status = statuses[type] ?? 502;
  const message =
    (isObject(payload) ? messageOf(payload) : null) ?? `The upstream ended its stream with "${type}".`;
  return new Fault(codeOf(status), message, {
    status,
    retryable: !refusesAnywhere.has(status),
    upstreamType: type,
  });
}

function messageOf(document: JsonObject): string | null {
  const message = document['message'] ?? document['Message'];
  return typeof message === 'string' ? message : null;
}

function codeOf(status: number): FaultCode {
  if (status === 429) return 'upstream/rate-limited';
  if (status === 503) return 'upstream/overloaded';
  if (status >= 500 || status === 408 || status === 424) return 'upstream/closed';
  return 'upstream/refused';
}

/** An upstream's own word passes. */
export function typeOf({ status, details }: Fault): string {
  const own = details.upstreamType;
  if (own !== undefined && /^[A-Z]\w+Exception$/.test(own)) return own;
  return types[status] ?? (status >= 500 ? 'InternalServerException' : 'ValidationException');
}

export const renderError = (fault: Fault, exchangeId: string): JsonObject => ({
  message: fault.message,
  sluice: { code: fault.details.upstreamCode ?? fault.code, exchange: exchangeId },
});
