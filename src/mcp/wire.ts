/**
 * Words of the Model Context Protocol. Two eras of it are spoken: the modern one, in which each request says all that is needed to
 * answer it (https://modelcontextprotocol.io/specification/2026-07-28), and the legacy one, in which a handshake opens a session
 * (https://modelcontextprotocol.io/specification/2025-11-25). Inside the gateway everything is in modern words.
 */
import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';

export const modernVersion = '2026-07-28';
/** Newest first. */
export const legacyVersions = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const;

/** Members of `_meta` that say what a session used to say. */
export const metaOf = {
  version: 'io.modelcontextprotocol/protocolVersion',
  client: 'io.modelcontextprotocol/clientInfo',
  capabilities: 'io.modelcontextprotocol/clientCapabilities',
  logLevel: 'io.modelcontextprotocol/logLevel',
  subscription: 'io.modelcontextprotocol/subscriptionId',
  server: 'io.modelcontextprotocol/serverInfo',
} as const;

export const codes = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022,
} as const;

export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

export type RpcId = string | number;

export interface RpcRequest {
  readonly id: RpcId;
  readonly method: string;
  readonly params: JsonObject;
}

export type Message =
  | ({ readonly kind: 'request' } & RpcRequest)
  | { readonly kind: 'notification'; readonly method: string; readonly params: JsonObject }
  | { readonly kind: 'result'; readonly id: RpcId; readonly result: JsonObject }
  | { readonly kind: 'error'; readonly id: RpcId | null; readonly error: RpcError };

/** How a request ends: with what was asked for, or the peer's own error. */
export type Outcome = { readonly result: JsonObject } | { readonly error: RpcError };

/** Null: it is no message of JSON-RPC 2.0. */
export function readMessage(value: unknown): Message | null {
  if (!isObject(value) || value['jsonrpc'] !== '2.0') return null;
  const { id, method, params = {}, result, error } = value;
  if (typeof method === 'string') {
    if (!isObject(params)) return null;
    if (id === undefined) return { kind: 'notification', method, params };
    return isId(id) ? { kind: 'request', id, method, params } : null;
  }
  if (isObject(error)) {
    if (id !== undefined && id !== null && !isId(id)) return null;
    const { code, message, data } = error;
    if (typeof code !== 'number' || typeof message !== 'string') return null;
    return {
      kind: 'error',
      id: id ?? null,
      error: { code, message, ...(data === undefined ? {} : { data }) },
    };
  }
  return isId(id) && isObject(result) ? { kind: 'result', id, result } : null;
}

const isId = (id: unknown): id is RpcId => typeof id === 'string' || typeof id === 'number';

export const request = ({ id, method, params }: RpcRequest): JsonObject => ({
  jsonrpc: '2.0',
  id,
  method,
  params,
});
export const notification = (method: string, params: JsonObject): JsonObject => ({
  jsonrpc: '2.0',
  method,
  params,
});
export const response = (id: RpcId | null, outcome: Outcome): JsonObject => ({
  jsonrpc: '2.0',
  ...(id === null ? {} : { id }),
  ...outcome,
});

export const failure = (code: number, message: string, data?: unknown): { readonly error: RpcError } => ({
  error: { code, message, ...(data === undefined ? {} : { data }) },
});

export const methodNotFound = (method: string): { readonly error: RpcError } =>
  failure(codes.methodNotFound, `The method "${method.slice(0, 100)}" is not known here.`);

/** `_meta` of params or of a result. */
export const metaIn = ({ _meta: meta }: JsonObject): JsonObject => (isObject(meta) ? meta : {});

export const capabilitiesIn = (params: JsonObject): JsonObject => {
  const declared = metaIn(params)[metaOf.capabilities];
  return isObject(declared) ? declared : {};
};

/** The same with other members in `_meta`; undefined takes one away. */
export function withMeta(holder: JsonObject, members: JsonObject): JsonObject {
  const meta = Object.entries({ ...metaIn(holder), ...members }).filter(([, value]) => value !== undefined);
  const { _meta: _, ...rest } = holder;
  return meta.length === 0 ? rest : { ...rest, _meta: Object.fromEntries(meta) };
}

/** Requests that may be answered by questions to the client. */
export const mayAsk: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);
/** Results that say how long they may be kept. */
export const cacheable: ReadonlySet<string> = new Set([
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
]);
/** All that a client may ask for in modern words. */
export const modernMethods: ReadonlySet<string> = new Set([
  ...mayAsk,
  ...cacheable,
  'completion/complete',
  'subscriptions/listen',
]);
/** Questions to the client, by what it must have declared to be asked. */
export const questions: Readonly<Record<string, string>> = {
  'elicitation/create': 'elicitation',
  'sampling/createMessage': 'sampling',
  'roots/list': 'roots',
};

/** Levels of RFC 5424, the least first. */
export const logLevels = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
] as const;

/** What names the thing that is asked for: of a tool, a prompt or a resource; null: nothing does. */
export function nameIn(method: string, params: JsonObject): string | null {
  if (!mayAsk.has(method)) return null;
  const name = params[method === 'resources/read' ? 'uri' : 'name'];
  return typeof name === 'string' ? name : null;
}
