import type { JsonObject } from '#core/call.ts';
import { headerOf, type RequestHead } from '#core/head.ts';
import { isObject } from '#core/read-json.ts';
import { decodeValue } from './param-headers.ts';
import {
  codes,
  failure,
  metaIn,
  metaOf,
  methodNotFound,
  modernMethods,
  modernVersion,
  nameIn,
  type Outcome,
  type RpcError,
  type RpcRequest,
} from './wire.ts';

type Refusal = { readonly error: RpcError };

/**
 * What a modern request must have to be answered: its version, its client's capabilities, and headers that say the same as its body.
 * Null: it has all of it. https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#server-validation
 */
export function refuseModern({ method, params }: RpcRequest, head: RequestHead): Refusal | null {
  const meta = metaIn(params);
  const version = meta[metaOf.version];
  if (typeof version !== 'string') return missing(metaOf.version);
  if (!isObject(meta[metaOf.capabilities])) return missing(metaOf.capabilities);
  const said = headerOf(head.headers, 'mcp-protocol-version');
  if (said !== version) return mismatch('MCP-Protocol-Version', said, version);
  if (version !== modernVersion)
    return failure(codes.unsupportedVersion, 'Unsupported protocol version', {
      supported: [modernVersion],
      requested: version,
    });
  const named = headerOf(head.headers, 'mcp-method');
  if (named !== method) return mismatch('Mcp-Method', named, method);
  const name = nameIn(method, params);
  if (name !== null) {
    const header = headerOf(head.headers, 'mcp-name');
    if (header === undefined || decodeValue(header) !== name) return mismatch('Mcp-Name', header, name);
  }
  return modernMethods.has(method) ? null : methodNotFound(method);
}

const missing = (member: string): Refusal =>
  failure(codes.invalidParams, `Expected "${member}" in _meta of the request.`);

function mismatch(header: string, came: string | undefined, body: string): Refusal {
  const what = came === undefined ? 'is missing' : `value '${came.slice(0, 200)}' does not match`;
  return failure(
    codes.headerMismatch,
    `Header mismatch: ${header} ${what}, the body says '${body.slice(0, 200)}'.`,
  );
}

const badRequests: ReadonlySet<number> = new Set([
  codes.headerMismatch,
  codes.missingCapability,
  codes.unsupportedVersion,
  codes.parse,
  codes.invalidRequest,
]);

/** What a server answers, as HTTP says it (https://modelcontextprotocol.io/specification/2026-07-28/basic/index#error-codes). */
export function statusOf(outcome: Outcome): number {
  if (!('error' in outcome)) return 200;
  const { code } = outcome.error;
  if (code === codes.methodNotFound) return 404;
  return badRequests.has(code) ? 400 : 200;
}

/** Notifications of a stream that the client has asked for are marked with its own id of it. */
export function marked(message: JsonObject, id: RpcRequest['id']): JsonObject {
  const params = isObject(message['params']) ? message['params'] : {};
  return { ...message, params: { ...params, _meta: { ...metaIn(params), [metaOf.subscription]: id } } };
}
