import { renderJson } from './sse.ts';

export type VendorName = 'openai' | 'anthropic';

export interface VendorError {
  status: number;
  message: string;
  type?: string;
  param?: string | null;
  code?: string | null;
}

const ANTHROPIC_TYPES: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  408: 'timeout_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

const OPENAI_TYPES: Record<number, [type: string, code: string | null]> = {
  401: ['invalid_request_error', 'invalid_api_key'],
  402: ['insufficient_quota', 'insufficient_quota'],
  404: ['invalid_request_error', 'model_not_found'],
  429: ['requests', 'rate_limit_exceeded'],
};

/** Renders an error body in the vendor's shape. Without a type, the status decides. */
export function renderError(vendor: VendorName, error: VendorError, requestId: string): string {
  const { status, message } = error;
  if (vendor === 'anthropic') {
    const type =
      error.type ?? ANTHROPIC_TYPES[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error');
    return renderJson({ type: 'error', error: { type, message }, request_id: requestId });
  }
  const [type, code] = OPENAI_TYPES[status] ?? [
    status >= 500 ? 'server_error' : 'invalid_request_error',
    null,
  ];
  return renderJson({
    error: { message, type: error.type ?? type, param: error.param ?? null, code: error.code ?? code },
  });
}

/** The headers about limits that the vendor puts on its answers. */
export function limitHeaders(vendor: VendorName, remaining: number): Record<string, string> {
  if (vendor === 'openai') {
    return {
      'x-ratelimit-limit-requests': '10000',
      'x-ratelimit-limit-tokens': '2000000',
      'x-ratelimit-remaining-requests': String(remaining),
      'x-ratelimit-remaining-tokens': String(remaining * 200),
      'x-ratelimit-reset-requests': '6ms',
      'x-ratelimit-reset-tokens': '1m0.5s',
    };
  }
  const reset = new Date(Math.ceil(Date.now() / 1000) * 1000 + 60_000).toISOString().replace('.000', '');
  const headers: Record<string, string> = {};
  for (const dimension of ['requests', 'tokens', 'input-tokens', 'output-tokens']) {
    const factor = dimension === 'requests' ? 1 : 200;
    headers[`anthropic-ratelimit-${dimension}-limit`] = String(10_000 * factor);
    headers[`anthropic-ratelimit-${dimension}-remaining`] = String(remaining * factor);
    headers[`anthropic-ratelimit-${dimension}-reset`] = reset;
  }
  return headers;
}
