import { Fault } from '#core/fault.ts';
import type { HeaderList } from '#core/head.ts';
import type { ToolEndpoint } from './endpoint.ts';
import { callHttp } from './http-call.ts';
import { encodeValue, ParamHeaders } from './param-headers.ts';
import type { Ask, Hearing, ToolSource } from './tool-source.ts';
import { codes, modernVersion, nameIn, readMessage, request, type Outcome } from './wire.ts';

/** Pages of a list that are looked through for a tool. */
const mostPages = 20;

/** A server of the modern era over HTTP: each request is a call of its own. */
export class ModernRemote implements ToolSource {
  readonly #endpoint: ToolEndpoint;
  readonly #params = new ParamHeaders();
  #asked = 0;

  constructor(endpoint: ToolEndpoint) {
    this.#endpoint = endpoint;
  }

  async ask(ask: Ask, hearing: Hearing): Promise<Outcome> {
    const outcome = await this.#call(ask, hearing);
    if (!('error' in outcome) || outcome.error.code !== codes.headerMismatch || ask.method !== 'tools/call')
      return outcome;
    // The caller did not know which arguments are to stand in headers; the list of tools says so.
    if (ask.caller.paramHeaders.length > 0) return outcome;
    await this.#learnTools(ask, hearing);
    return this.#call(ask, hearing);
  }

  async #learnTools(ask: Ask, hearing: Hearing): Promise<void> {
    let cursor: unknown;
    for (let page = 0; page < mostPages; page++) {
      const { _meta } = ask.params;
      const params = { _meta, ...(cursor === undefined ? {} : { cursor }) };
      const outcome = await this.#call({ ...ask, method: 'tools/list', params }, hearing);
      cursor = 'result' in outcome ? outcome.result['nextCursor'] : undefined;
      if (typeof cursor !== 'string') return;
    }
  }

  async #call(ask: Ask, hearing: Hearing): Promise<Outcome> {
    const { method, params } = ask;
    const { name: server } = this.#endpoint;
    const id = ++this.#asked;
    let outcome: Outcome | null = null;
    const head = await callHttp(
      this.#endpoint,
      {
        method: 'POST',
        headers: this.#headersOf(ask),
        body: JSON.stringify(request({ id, method, params })),
        signal: hearing.signal,
        ...(method === 'subscriptions/listen' && { endless: true }),
      },
      {
        onMessage(came) {
          const message = readMessage(came);
          if (message?.kind === 'notification') hearing.notify(came as never);
          else if (message?.kind === 'result') outcome = { result: message.result };
          else if (message?.kind === 'error') outcome = { error: message.error };
        },
      },
    );
    if (outcome) {
      if (method === 'tools/list' && 'result' in outcome) this.#params.learn((outcome as never)['result']);
      return outcome;
    }
    if (method === 'subscriptions/listen' && head.status === 200)
      return { result: { resultType: 'complete' } };
    throw noAnswer(server, method, head.status);
  }

  #headersOf({ method, params, caller }: Ask): HeaderList {
    const name = nameIn(method, params);
    const own =
      method !== 'tools/call' || name === null || caller.paramHeaders.length > 0
        ? caller.paramHeaders
        : this.#params.of(name, params['arguments']);
    return [
      ...['content-type', 'application/json', 'accept', 'application/json, text/event-stream'],
      ...['mcp-protocol-version', modernVersion, 'mcp-method', method],
      ...(name === null ? [] : ['mcp-name', encodeValue(name)]),
      ...own,
    ];
  }
}

/** An upstream that answers, but with no message. */
export function noAnswer(server: string, method: string, status: number): Fault {
  const message = `The server "${server}" has not answered ${method} by a message of the protocol (HTTP ${status}).`;
  if (status === 401 || status === 403) return new Fault('upstream/credential', message);
  if (status === 429) return new Fault('upstream/rate-limited', message);
  return new Fault(status >= 500 ? 'upstream/refused' : 'upstream/malformed-answer', message);
}
