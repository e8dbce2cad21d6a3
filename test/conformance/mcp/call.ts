/** Requests of either era, byte by byte, each by a connection of its own: so they come to any thread. */

export interface Came {
  readonly status: number;
  readonly headers: Headers;
  /** The last one. */
  readonly message: {
    readonly result?: Record<string, unknown>;
    readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
  };
  /** All that came before it. */
  readonly before: readonly Record<string, unknown>[];
}

interface Call {
  readonly method: string;
  readonly params?: Record<string, unknown>;
  readonly headers?: Record<string, string>;
  /** What the client can do; modern only. */
  readonly capabilities?: Record<string, unknown>;
  /** Told of each message as it comes. */
  readonly onMessage?: (message: Record<string, unknown>) => void;
  readonly signal?: AbortSignal;
}

const version = '2026-07-28';
let asked = 0;

export function callModern(url: string, call: Call): Promise<Came> {
  const { method, params = {}, headers = {}, capabilities = {} } = call;
  const meta = {
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': capabilities,
    ...(params['_meta'] as object | undefined),
  };
  const name = params['name'] ?? params['uri'];
  return post(url, {
    body: { jsonrpc: '2.0', id: ++asked, method, params: { ...params, _meta: meta } },
    headers: {
      'mcp-protocol-version': version,
      'mcp-method': method,
      ...(typeof name === 'string' && method !== 'completion/complete' && { 'mcp-name': name }),
      ...headers,
    },
    call,
  });
}

/** In a session, or to open one. */
export function callLegacy(url: string, session: string | null, call: Call): Promise<Came> {
  const { method, params = {}, headers = {} } = call;
  return post(url, {
    body: { jsonrpc: '2.0', id: ++asked, method, params },
    headers: { ...(session !== null && { 'mcp-session-id': session }), ...headers },
    call,
  });
}

/** A message that nobody answers: a notification, or the client's own answer. */
export async function send(
  url: string,
  session: string,
  message: { readonly headers: Record<string, string>; readonly body: object },
): Promise<number> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: {
      ...{ 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      ...{ 'mcp-session-id': session, connection: 'close' },
      ...message.headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...message.body }),
  });
  await answer.text();
  return answer.status;
}

async function post(
  url: string,
  {
    body,
    headers,
    call,
  }: { readonly body: object; readonly headers: Record<string, string>; readonly call: Call },
): Promise<Came> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: {
      ...{
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        connection: 'close',
      },
      ...headers,
    },
    body: JSON.stringify(body),
    ...(call.signal && { signal: call.signal }),
  });
  const messages: Record<string, unknown>[] = [];
  if (answer.headers.get('content-type')?.startsWith('text/event-stream'))
    for await (const message of events(answer)) {
      messages.push(message);
      call.onMessage?.(message);
    }
  else messages.push(JSON.parse((await answer.text()) || '{}') as Record<string, unknown>);
  return {
    status: answer.status,
    headers: answer.headers,
    message: (messages.at(-1) ?? {}) as Came['message'],
    before: messages.slice(0, -1),
  };
}

/** The messages of a stream, as they come. */
export async function* events(answer: Response): AsyncGenerator<Record<string, unknown>> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of answer.body!) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
      text = text.slice(end + 2);
      if (data !== undefined) yield JSON.parse(data) as Record<string, unknown>;
    }
  }
}
