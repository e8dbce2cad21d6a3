import type { JsonObject } from '#core/call.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault, faultFrom } from '#core/fault.ts';
import { headerOf } from '#core/head.ts';
import { parseJson } from '#core/parse-json.ts';
import type { LoopRules, McpRoute } from '#core/snapshot.ts';
import { bodyLimit } from '#pipeline/body-limit.ts';
import type { Answer } from '#pipeline/answer.ts';
import type { ToolDesk } from '#pipeline/gateway.ts';
import type { Passage } from '#pipeline/passage.ts';
import { readPlainBody } from '#pipeline/plain-body.ts';
import { outcomeOf } from '#pipeline/refuse.ts';
import { checkDoor } from './check-door.ts';
import type { ClientQuestions } from './client-questions.ts';
import { maybeShortened, splitName, splitUri } from './exposed-name.ts';
import { Federation } from './federation.ts';
import { GrantedSource } from './granted-source.ts';
import type { LegacyFront, Standing } from './legacy-front.ts';
import { namedServers } from './named-servers.ts';
import { marked, refuseModern, statusOf } from './modern-front.ts';
import { RecordedSource } from './recorded-source.ts';
import { Reply } from './reply.ts';
import type { SessionNotes } from './session-notes.ts';
import { ToolLoop } from './tool-loop.ts';
import type { ToolSource } from './tool-source.ts';
import {
  codes,
  failure,
  legacyVersions,
  metaIn,
  metaOf,
  modernVersion,
  nameIn,
  readMessage,
  response,
  withMeta,
  type Message,
  type Outcome,
  type RpcId,
  type RpcRequest,
} from './wire.ts';

export interface DeskParts {
  readonly front: LegacyFront;
  readonly notes: SessionNotes;
  readonly questions: ClientQuestions;
  /** Tells whoever runs a request of a session that it is not wanted any more. */
  readonly running: RunningRequests;
  /** Aborted when the process is about to end. */
  readonly leaving: AbortSignal;
  /** By name; all that routes name. */
  readonly sources: ReadonlyMap<string, ToolSource>;
}

/** Requests of sessions that are under way, so that they can be cancelled by another request. */
export interface RunningRequests {
  cancel(session: string, id: RpcId): void;
  /** Returns what ends the watching. */
  watch(session: string, id: RpcId, cancel: () => void): () => void;
}

type Pursue = () => Answer | Promise<Answer>;

/** Where a request stands: before one server, or before all of the route's as one. */
interface Place extends Standing {
  /** Empty: all of them. */
  readonly server: string;
  readonly federation: Federation | null;
}

/** Answers routes to servers of tools. */
export class Desk implements ToolDesk {
  readonly #parts: DeskParts;

  constructor(parts: DeskParts) {
    this.#parts = parts;
  }

  async understand(passage: Passage): Promise<Pursue> {
    const { exchange } = passage;
    const route = passage.route.route as McpRoute;
    exchange.dialectName = 'mcp';
    checkDoor(route, exchange.head);
    const place = this.#placeOf(passage, route);
    const reply = new Reply(passage);
    switch (exchange.head.method) {
      case 'POST':
        return this.#posted(passage, place, reply);
      case 'GET':
        return this.#listened(passage, place, reply);
      case 'DELETE':
        return this.#ended(passage, place, reply);
      default:
        throw notAllowed(exchange);
    }
  }

  attend(passage: Passage, rules: LoopRules): (() => Promise<Answer>) | null {
    const { exchange } = passage;
    const names = namedServers(exchange.head.headers, rules.servers);
    if (names.length === 0) return null;
    if (exchange.dialectName !== 'openai-chat')
      throw new Fault(
        'dialect/unsupported',
        'Tools by MCP-Context are for chat completions (openai-chat) alone.',
      );
    if (exchange.brief!.choices > 1)
      throw new Fault('request/invalid-field', 'With MCP-Context there is one answer.', { field: 'n' });
    return async () => {
      // What is reserved is reserved for one call of the model: a hard budget would be overdrawn by the others.
      if (exchange.allowance)
        throw new Fault('dialect/unsupported', 'Under a hard budget no tools can be used by MCP-Context.');
      const count = { begun: 0 };
      const sources = names.map((of): [string, ToolSource] => [of, this.#sourceOf(passage, of, count)]);
      return new ToolLoop(passage, {
        rules,
        source: new Federation(new Map(sources)),
        caller: { principal: exchange.consumer?.id ?? '', place: `${exchange.routeName}/`, paramHeaders: [] },
        renumber: () => (count.begun = exchange.attempts.length),
      }).run();
    };
  }

  #sourceOf(passage: Passage, server: string, count: { begun: number }): ToolSource {
    const source = new RecordedSource({ server, source: this.#parts.sources.get(server)! }, passage, count);
    return passage.route.allowsTool.length > 0 ? new GrantedSource({ server, source }, passage) : source;
  }

  #placeOf(passage: Passage, { name, prefix, servers }: McpRoute): Place {
    const { exchange } = passage;
    const server = exchange.head.path.slice(prefix.length + 1);
    if (server !== '' && !servers.includes(server))
      throw new Fault('route/not-found', `There is no server "${server.slice(0, 100)}" at ${prefix}.`);
    const count = { begun: 0 };
    const sourceOf = (of: string): ToolSource => this.#sourceOf(passage, of, count);
    const paramHeaders: string[] = [];
    const { headers } = exchange.head;
    for (let i = 0; i < headers.length; i += 2)
      if (headers[i]!.startsWith('mcp-param-')) paramHeaders.push(headers[i]!, headers[i + 1]!);
    const federation =
      server === '' ? new Federation(new Map(servers.map((of) => [of, sourceOf(of)]))) : null;
    return {
      server,
      federation,
      caller: { principal: exchange.consumer?.id ?? '', place: `${name}/${server}`, paramHeaders },
      source: federation ?? sourceOf(server),
    };
  }

  async #posted(passage: Passage, place: Place, reply: Reply): Promise<Pursue> {
    const { exchange } = passage;
    const message = readPosted(await readPlainBody(exchange, bodyLimit(passage)));
    if ('error' in message && !('kind' in message)) return () => reply.end(response(null, message), 400);
    tell(exchange, message as Message, place);
    await this.#tellOwnName(exchange, place, reply);
    const traced = message as Message;
    if (isModern(traced, exchange)) {
      if (traced.kind !== 'request') return () => reply.end(null, traced.kind === 'notification' ? 202 : 400);
      return this.#modern(passage, { request: withTrace(traced, exchange), place }, reply);
    }
    return this.#legacy(passage, { message: traced, place }, reply);
  }

  /** Policies judge a tool by its server's own name for it, also where it is called by one that was shortened. */
  async #tellOwnName(exchange: Exchange, { federation, caller }: Place, reply: Reply): Promise<void> {
    const { tool } = exchange;
    if (!federation || !tool || tool.name === null || tool.method === 'resources/read') return;
    if (!maybeShortened(tool.name)) return;
    const { server, method, name: rest } = tool;
    const _meta = { [metaOf.version]: modernVersion, [metaOf.capabilities]: {} };
    const name = await federation.ownName(
      { method, params: { _meta }, caller },
      { server, rest },
      { signal: reply.signal, notify() {} },
    );
    if (name === null) return;
    exchange.tool = { ...tool, name };
    exchange.notes = { ...exchange.notes, 'mcp.name': name.slice(0, 300) };
  }

  #modern(
    passage: Passage,
    { request, place }: { readonly request: RpcRequest; readonly place: Place },
    reply: Reply,
  ): Pursue {
    const { exchange } = passage;
    const refusal = refuseModern(request, exchange.head);
    if (refusal) {
      const status = refusal.error.code === codes.methodNotFound ? 404 : 400;
      return () => reply.end(response(request.id, refusal), status);
    }
    const isStream = request.method === 'subscriptions/listen';
    const hearing = {
      signal: isStream ? this.#untilLeft(reply) : reply.signal,
      notify: (said: JsonObject) => reply.say(isStream ? marked(said, request.id) : said),
    };
    return () =>
      answered(passage, { id: request.id, reply }, async () => {
        const outcome = await place.source.ask({ ...request, caller: place.caller }, hearing);
        if (!isStream || 'error' in outcome) return outcome;
        return { result: withMeta(outcome.result, { [metaOf.subscription]: request.id }) };
      });
  }

  async #legacy(
    passage: Passage,
    { message, place }: { readonly message: Message; readonly place: Place },
    reply: Reply,
  ): Promise<Pursue> {
    const { exchange } = passage;
    const { front, running, questions } = this.#parts;
    if (message.kind === 'request' && message.method === 'initialize') {
      const request = withTrace(message, exchange);
      return () =>
        answered(passage, { id: message.id, reply }, async (say) => {
          const { outcome, name } = await front.initialize(request, place, hearingOf(reply));
          if (name !== null) say(['mcp-session-id', name]);
          return outcome;
        });
    }
    const session = this.#sessionOf(exchange, place);
    if (!session) return () => noSession(exchange, message, reply);
    switch (message.kind) {
      case 'notification': {
        const { requestId } = message.params;
        if (message.method === 'notifications/cancelled' && requestId !== undefined)
          running.cancel(session.id, requestId as RpcId);
        return () => reply.end(null, 202);
      }
      case 'result':
      case 'error': {
        const { id } = message;
        const outcome: Outcome =
          message.kind === 'result' ? { result: message.result } : { error: message.error };
        const isKnown = id !== null && (await questions.answer(session.id, id, outcome));
        return () => reply.end(null, isKnown ? 202 : 404);
      }
      case 'request': {
        const cancelled = new AbortController();
        const signal = AbortSignal.any([reply.signal, cancelled.signal]);
        const say = (said: JsonObject) => reply.say(said);
        const request = withTrace(message, exchange);
        return () => {
          const stop = running.watch(session.id, message.id, () => cancelled.abort());
          return answered(passage, { id: message.id, reply }, () =>
            front.request(request, { ...place, session }, { signal, notify: say, ask: say }).finally(stop),
          );
        };
      }
    }
  }

  #listened(passage: Passage, place: Place, reply: Reply): Pursue {
    const { exchange } = passage;
    const accepts = headerOf(exchange.head.headers, 'accept') ?? '';
    const session = this.#sessionOf(exchange, place);
    if (!session || !accepts.includes('text/event-stream')) {
      if (headerOf(exchange.head.headers, 'mcp-session-id') !== undefined) return () => reply.end(null, 404);
      throw notAllowed(exchange);
    }
    return async () => {
      reply.begin();
      try {
        const hearing = { ...hearingOf(reply), signal: this.#untilLeft(reply) };
        await this.#parts.front.listen({ ...place, session }, hearing);
      } catch (thrown) {
        note(passage, thrown);
      }
      return reply.end(null, 200);
    };
  }

  #ended({ exchange }: Passage, place: Place, reply: Reply): Pursue {
    const session = this.#sessionOf(exchange, place);
    if (!session) return () => reply.end(null, 404);
    return () => {
      this.#parts.notes.tell(session.id, { ended: true });
      return reply.end(null, 204);
    };
  }

  #untilLeft(reply: Reply): AbortSignal {
    return AbortSignal.any([reply.signal, this.#parts.leaving]);
  }

  #sessionOf({ head }: Exchange, place: Place) {
    const name = headerOf(head.headers, 'mcp-session-id');
    return name === undefined ? null : this.#parts.front.sessionOf(name, place);
  }
}

const hearingOf = (reply: Reply) => ({
  signal: reply.signal,
  notify: (message: JsonObject) => reply.say(message),
});

/** One message: lists of them are of no revision that is spoken today. */
function readPosted(body: Buffer): Message | ReturnType<typeof failure> {
  let value: unknown;
  try {
    value = parseJson(body.toString('utf8'));
  } catch {
    return failure(codes.parse, 'The body is not valid JSON.');
  }
  return readMessage(value) ?? failure(codes.invalidRequest, 'Expected one message of JSON-RPC 2.0.');
}

function isModern(message: Message, { head }: Exchange): boolean {
  const params = 'params' in message ? message.params : {};
  if (metaIn(params)[metaOf.version] !== undefined) return true;
  const version = headerOf(head.headers, 'mcp-protocol-version');
  return version !== undefined && !legacyVersions.includes(version as never);
}

/** What is asked of which server: for policies, and the receipt. */
function tell(exchange: Exchange, message: Message, { server }: Place): void {
  if (!('method' in message)) return;
  const { method, params } = message;
  const given = nameIn(method, params);
  const split =
    given === null || server !== '' ? null : method === 'resources/read' ? splitUri(given) : splitName(given);
  exchange.tool = { server: split?.server ?? server, method, name: split?.rest ?? given };
  const { server: of, name } = exchange.tool;
  exchange.notes = {
    ...exchange.notes,
    'mcp.method': method.slice(0, 100),
    ...(of !== '' && { 'mcp.server': of }),
    ...(name !== null && { 'mcp.name': name.slice(0, 300) }),
  };
}

/** https://www.w3.org/TR/trace-context/ in `_meta`: the exchange is the parent of what the server does. */
function withTrace<R extends RpcRequest>(request: R, { trace, head }: Exchange): R {
  const given = metaIn(request.params)['traceparent'];
  if (given !== undefined && headerOf(head.headers, 'traceparent') === undefined) return request;
  const traceparent = `00-${trace.traceId}-${trace.spanId}-${trace.flags}`;
  return { ...request, params: withMeta(request.params, { traceparent }) };
}

/** Gives the outcome, or what kept it from coming, as the answer to the request. */
async function answered(
  passage: Passage,
  { id, reply }: { readonly id: RpcId; readonly reply: Reply },
  work: (say: (headers: readonly string[]) => void) => Promise<Outcome>,
): Promise<Answer> {
  let headers: readonly string[] = [];
  try {
    const outcome = await work((more) => (headers = more));
    return reply.end(response(id, outcome), statusOf(outcome), headers);
  } catch (thrown) {
    const fault = note(passage, thrown);
    const about = { code: fault.code, exchange: passage.exchange.id };
    const error = failure(codes.internal, fault.message, about);
    return reply.end(response(id, error), fault.status);
  }
}

function note({ exchange, gateway }: Passage, thrown: unknown): Fault {
  const fault = faultFrom(thrown);
  if (fault.code === 'gateway/internal') gateway.observer.failed(exchange, fault.cause ?? fault);
  exchange.fault = fault;
  exchange.outcome = outcomeOf(fault);
  return fault;
}

function noSession(exchange: Exchange, message: Message, reply: Reply): Answer {
  const isNamed = headerOf(exchange.head.headers, 'mcp-session-id') !== undefined;
  const said = isNamed ? 'There is no such session.' : 'Expected Mcp-Session-Id, or a request of 2026-07-28.';
  const id = message.kind === 'request' ? message.id : null;
  return reply.end(response(id, failure(codes.invalidRequest, said)), isNamed ? 404 : 400);
}

const notAllowed = ({ head }: Exchange): Fault =>
  new Fault('route/method-not-allowed', `${head.method} is not taken here. Send a message by POST.`, {
    headers: ['allow', 'POST, GET, DELETE'],
  });
