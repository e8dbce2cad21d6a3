/**
 * A fault is an expected failure: it has a stable code, somebody to blame, and a status. Anything else that is
 * thrown is a bug, and fails closed as `gateway/internal`.
 */

export type Blame = 'client' | 'gateway' | 'upstream';

interface FaultKind {
  readonly status: number;
  readonly blame: Blame;
  /** May the same call succeed on another target, or a little later? */
  readonly retryable: boolean;
  readonly title: string;
}

const kind = (status: number, blame: Blame, retryable: boolean, title: string): FaultKind => ({
  status,
  blame,
  retryable,
  title,
});

/** The registry: every code that can reach a caller. The page docs/faults.md is generated from it. */
export const faultKinds = {
  'request/malformed': kind(400, 'client', false, 'The request is not valid HTTP or not canonical'),
  'request/body-not-json': kind(400, 'client', false, 'The body is not valid JSON'),
  'request/body-not-form': kind(400, 'client', false, 'The body is not valid multipart/form-data'),
  'request/duplicate-key': kind(400, 'client', false, 'The body names an interpreted key twice'),
  'request/invalid-field': kind(
    400,
    'client',
    false,
    'A field of the body has a value that cannot be understood',
  ),
  'request/invalid-query': kind(
    400,
    'client',
    false,
    'A parameter of the query has a value that cannot be understood',
  ),
  'request/not-as-described': kind(400, 'client', false, 'The request is not as its description says'),
  'request/media-type': kind(415, 'client', false, 'The body is of a media type that is not described'),
  'request/body-too-large': kind(413, 'client', false, 'The body is larger than this route allows'),
  'request/headers-too-large': kind(431, 'client', false, 'The header block is larger than allowed'),
  'request/timeout': kind(408, 'client', false, 'The request did not arrive in time'),
  'request/expectation': kind(417, 'client', false, 'Only "Expect: 100-continue" is understood'),
  'request/upgrade-refused': kind(400, 'client', false, 'This route does not upgrade connections'),
  'request/origin-refused': kind(403, 'client', false, 'Pages of this origin may not open WebSockets here'),
  'request/websocket': kind(
    400,
    'client',
    false,
    'The client broke the rules of WebSocket, or a limit of the route',
  ),
  'request/forged': kind(403, 'client', false, 'The request may come from a page of somebody else'),
  'request/loop': kind(508, 'client', false, 'The request has passed this gateway before'),
  'route/not-found': kind(404, 'client', false, 'No route matches the request'),
  'route/method-not-allowed': kind(405, 'client', false, 'The path exists, the method does not'),
  'cache/unreachable': kind(
    504,
    'gateway',
    true,
    'What is kept may not be given, and no upstream was asked or answered',
  ),
  'route/misdirected': kind(421, 'client', false, 'The request was sent to the wrong host'),
  'auth/no-credential': kind(401, 'client', false, 'No credential was given'),
  'auth/unknown-credential': kind(401, 'client', false, 'The credential is not known'),
  'auth/expired': kind(401, 'client', false, 'The credential has expired or was revoked'),
  'auth/invalid-token': kind(401, 'client', false, 'The token is not valid'),
  'auth/insufficient-scope': kind(403, 'client', false, 'The token does not cover what is asked for'),
  'auth/unknown-consumer': kind(
    403,
    'client',
    false,
    'The credential is valid, but its bearer is nobody here',
  ),
  'auth/login-failed': kind(401, 'client', false, 'The login did not come to its end'),
  'auth/unavailable': kind(503, 'gateway', true, 'Who calls cannot be found out at the moment'),
  'access/denied': kind(403, 'client', false, 'This caller may not do this'),
  'access/model': kind(403, 'client', false, 'This key may not use this model'),
  'access/tool': kind(403, 'client', false, 'This caller may not call this tool'),
  'access/resource': kind(404, 'client', false, 'No such resource is owned by this project'),
  'audit/unavailable': kind(
    503,
    'gateway',
    true,
    'The call cannot be put into the audit log, and the route serves none that is not',
  ),
  'limit/exceeded': kind(429, 'client', true, 'A limit is exhausted'),
  'account/unavailable': kind(503, 'gateway', true, 'What a caller has used cannot be told at the moment'),
  'limit/unpriced': kind(
    403,
    'client',
    false,
    'A model without a price may not be used where money is limited',
  ),
  'credit/exhausted': kind(402, 'client', false, 'A budget is used up'),
  'limit/unavailable': kind(503, 'gateway', true, 'The limiter cannot be reached and the route fails closed'),
  'idempotency/key': kind(400, 'client', false, 'The Idempotency-Key is missing, or cannot be one'),
  'idempotency/in-progress': kind(
    409,
    'client',
    true,
    'The call that was first made under this key is still running',
  ),
  'idempotency/mismatch': kind(422, 'client', false, 'The key was used for another request'),
  'idempotency/uncertain': kind(
    409,
    'client',
    false,
    'What became of the call that was made under this key is not known',
  ),
  'idempotency/not-kept': kind(
    409,
    'client',
    false,
    'The call was made under this key, and its answer was not kept',
  ),
  'idempotency/unavailable': kind(
    503,
    'gateway',
    true,
    'The record of answers cannot be reached, so the call is not made',
  ),
  'budget/cut': kind(402, 'client', false, 'A hard budget ran out while the answer flowed, and ended it'),
  'model/not-found': kind(404, 'client', false, 'No model of this name is configured'),
  'graphql/document': kind(
    400,
    'client',
    false,
    'The GraphQL document cannot be read, or has no operation that can be run',
  ),
  'graphql/limit-exceeded': kind(
    400,
    'client',
    false,
    'The GraphQL operation asks for more than is allowed here',
  ),
  'graphql/refused': kind(
    403,
    'client',
    false,
    'The GraphQL operation is none of those that are allowed here',
  ),
  'graphql/unknown-document': kind(404, 'client', false, 'No GraphQL document is known by this name'),
  'dialect/not-carried': kind(
    400,
    'client',
    false,
    'The target cannot carry a field, and strict mode refuses to drop it',
  ),
  'dialect/unsupported': kind(501, 'gateway', false, 'This operation is not supported for this target'),
  'prompt/refused': kind(400, 'client', false, 'A rule of the operator about prompts refuses the call'),
  'prompt/template': kind(400, 'client', false, 'The prompt template that is asked for cannot be used'),
  'prompt/parameter': kind(400, 'client', false, 'A parameter of the call is not allowed on this route'),
  'policy/failed': kind(500, 'gateway', false, 'A policy failed, and failing closes'),
  'policy/refused': kind(403, 'client', false, 'A policy of the operator has refused the call'),
  'policy/cut': kind(403, 'client', false, 'A policy ended the answer'),
  'policy/injected': kind(503, 'gateway', true, 'A policy has failed the call on purpose, as a test'),
  'upstream/unavailable': kind(503, 'upstream', true, 'No target of the pool may be tried now'),
  'upstream/connect': kind(502, 'upstream', true, 'The upstream could not be reached'),
  'upstream/connect-timeout': kind(504, 'upstream', true, 'The upstream did not accept a connection in time'),
  'upstream/header-timeout': kind(504, 'upstream', true, 'The upstream did not begin to answer in time'),
  'upstream/idle-timeout': kind(
    504,
    'upstream',
    true,
    'The upstream fell silent in the middle of its answer',
  ),
  'upstream/total-timeout': kind(504, 'upstream', false, 'The exchange took longer than this route allows'),
  'upstream/closed': kind(
    502,
    'upstream',
    true,
    'The upstream closed the connection before its answer was complete',
  ),
  'upstream/protocol': kind(502, 'upstream', true, 'The upstream sent something that is not valid HTTP'),
  'upstream/malformed-answer': kind(
    502,
    'upstream',
    true,
    'The upstream sent an answer that does not fit its dialect',
  ),
  'upstream/not-as-described': kind(
    502,
    'upstream',
    false,
    'The upstream sent an answer that is not as its description says',
  ),
  'upstream/answer-too-large': kind(502, 'upstream', false, 'The answer is larger than this route allows'),
  'upstream/usage-missing': kind(
    502,
    'upstream',
    false,
    'The answer does not say what was used, and this route gives no answer that cannot be billed',
  ),
  'upstream/refused': kind(502, 'upstream', false, 'The upstream refused the call'),
  'upstream/overloaded': kind(503, 'upstream', true, 'The upstream is overloaded'),
  'upstream/rate-limited': kind(429, 'upstream', true, 'The upstream limits this gateway'),
  'upstream/credential': kind(
    502,
    'upstream',
    true,
    'What proves to the upstream who calls could not be had',
  ),
  'upstream/tls': kind(502, 'upstream', false, 'The upstream could not prove who it is'),
  'client/gone': kind(499, 'client', false, 'The client hung up'),
  'gateway/journal': kind(503, 'gateway', false, 'The call cannot be put on record, so it is not made'),
  'gateway/overloaded': kind(
    503,
    'gateway',
    true,
    'The gateway has more to do than it can, and refuses the less important',
  ),
  'gateway/draining': kind(503, 'gateway', true, 'The gateway is shutting down'),
  'gateway/internal': kind(500, 'gateway', false, 'The gateway has failed'),
} as const satisfies Record<string, FaultKind>;

export type FaultCode = keyof typeof faultKinds;

export interface FaultDetails {
  /** Overrides the registry's status (an upstream's own status, for instance). */
  readonly status?: number;
  /** Extra response headers, such as `retry-after` and `www-authenticate`. */
  readonly headers?: readonly string[];
  /** The field or header at fault. */
  readonly field?: string;
  /** An upstream's own error in its own bytes, passed on untouched where client and upstream share a dialect. */
  readonly upstreamBody?: Uint8Array;
  /** The vendor-neutral class of an upstream's error; decides its type in the client's dialect. */
  readonly upstreamType?: string;
  /** The upstream's code of its error, such as `context_length_exceeded`; of `policy/refused` that of the policy. */
  readonly upstreamCode?: string;
  /** What the GraphQL form of the error says beside its message; `code` in place of the fault's. */
  readonly extensions?: Readonly<Record<string, string | number>>;
  /** Overrides the registry's retryability. */
  readonly retryable?: boolean;
  /** The upstream may have acted on the request, though no byte of an answer came. */
  readonly ambiguous?: boolean;
  /** The upstream cannot have acted on the request: nothing of it left, or it was refused unread. */
  readonly unsent?: boolean;
  /** What is wrong in particular, for problem documents. Holds nothing of what came but types and sizes. */
  readonly errors?: readonly FaultError[];
  readonly cause?: unknown;
}

/** One of many things that are wrong (RFC 9457 §3.1.3). */
export interface FaultError {
  readonly detail: string;
  /** Where it stands: `body`, `query` … */
  readonly in: string;
  /** Of the value, as JSON Pointer; in a query and the like it begins with the parameter's name. */
  readonly pointer: string;
  readonly keyword: string;
  readonly expected: string;
  readonly got: string;
}

/** Says what was expected, what came and what to do, in `message`. */
export class Fault extends Error {
  readonly code: FaultCode;
  readonly details: FaultDetails;

  constructor(code: FaultCode, message: string, details: FaultDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'Fault';
    this.code = code;
    this.details = details;
  }

  get status(): number {
    return this.details.status ?? faultKinds[this.code].status;
  }
  get blame(): Blame {
    return faultKinds[this.code].blame;
  }
  get retryable(): boolean {
    return this.details.retryable ?? faultKinds[this.code].retryable;
  }
}

/** Turns whatever was thrown into a fault; what is not one is a bug, and its text stays inside. */
export function faultFrom(thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  return new Fault('gateway/internal', 'The gateway has failed; the exchange id leads to the log entry.', {
    cause: thrown,
  });
}
