import { randomBytes } from 'node:crypto';
import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';
import type { ClientQuestions } from './client-questions.ts';
import type { Seal } from './seal.ts';
import type { SessionNotes } from './session-notes.ts';
import type { Caller, Hearing, ToolSource } from './tool-source.ts';
import {
  codes,
  failure,
  legacyVersions,
  logLevels,
  mayAsk,
  metaIn,
  metaOf,
  methodNotFound,
  modernVersion,
  request,
  withMeta,
  type Outcome,
  type RpcId,
  type RpcRequest,
} from './wire.ts';

/** How often a server may ask again before it answers. */
const mostRounds = 32;

/** What a session's name says of it. */
export interface ClientSession {
  /** The name's own, short. */
  readonly id: string;
  readonly version: string;
  readonly capabilities: JsonObject;
  readonly clientInfo: JsonObject;
  readonly principal: string;
  /** What the session was opened for: a route, and perhaps one of its servers. */
  readonly place: string;
}

export interface LegacyParts {
  readonly seal: Seal;
  readonly notes: SessionNotes;
  readonly questions: ClientQuestions;
}

/** Where a session stands, and who asks in it. */
export interface Standing {
  readonly source: ToolSource;
  readonly caller: Caller;
}

/** A hearing that can also put questions to the client. */
export interface LegacyHearing extends Hearing {
  ask(message: JsonObject): void;
}

/** Speaks the legacy era with clients, over what is asked in modern words. Nothing of a session but its notes is kept here. */
export class LegacyFront {
  readonly #parts: LegacyParts;

  constructor(parts: LegacyParts) {
    this.#parts = parts;
  }

  /** The session of that name, if it is this caller's, and for this place. */
  sessionOf(name: string, { caller }: Standing): ClientSession | null {
    const session = this.#parts.seal.open(name) as unknown as ClientSession | null;
    if (session?.principal !== caller.principal || session.place !== caller.place) return null;
    return this.#parts.notes.hasEnded(session.id) ? null : session;
  }

  /** Opens a session by asking what is behind it what it can do. */
  async initialize(
    { params }: RpcRequest,
    { source, caller }: Standing,
    hearing: Hearing,
  ): Promise<{ readonly outcome: Outcome; readonly name: string | null }> {
    const { protocolVersion, capabilities, clientInfo } = params;
    const session: ClientSession = {
      id: randomBytes(12).toString('base64url'),
      version: legacyVersions.find((version) => version === protocolVersion) ?? legacyVersions[0],
      capabilities: isObject(capabilities) ? capabilities : {},
      clientInfo: isObject(clientInfo) ? clientInfo : { name: 'unknown', version: '0' },
      principal: caller.principal,
      place: caller.place,
    };
    const ask = { method: 'server/discover', params: this.#modern({}, session), caller };
    const outcome = await source.ask(ask, hearing);
    if ('error' in outcome) return { outcome, name: null };
    const { capabilities: has, instructions, serverInfo } = outcome.result;
    const result = {
      protocolVersion: session.version,
      capabilities: has,
      serverInfo: metaIn(outcome.result)[metaOf.server] ?? serverInfo ?? { name: 'sluice', version: '1' },
      ...(instructions === undefined ? {} : { instructions }),
    };
    return { outcome: { result }, name: this.#parts.seal.close({ ...session }) };
  }

  /** @throws Fault when no answer came. */
  async request(
    { method, params }: RpcRequest,
    { session, source, caller }: Standing & { readonly session: ClientSession },
    hearing: LegacyHearing,
  ): Promise<Outcome> {
    const own = this.#own(method, params, session);
    if (own) return own;
    let asked = this.#modern(params, session);
    for (let round = 0; round < mostRounds; round++) {
      const outcome = await source.ask({ method, params: asked, caller }, hearing);
      if ('error' in outcome || outcome.result['resultType'] !== 'input_required') return legacy(outcome);
      if (!mayAsk.has(method)) break;
      const { inputRequests, requestState } = outcome.result;
      const answered = await this.#answers(isObject(inputRequests) ? inputRequests : {}, session, hearing);
      if ('refused' in answered) return answered.refused;
      const { answers } = answered;
      const { inputResponses: _, requestState: __, ...rest } = asked;
      asked = {
        ...rest,
        ...(Object.keys(answers).length > 0 && { inputResponses: answers }),
        ...(typeof requestState === 'string' && { requestState }),
      };
    }
    return failure(codes.internal, 'The server asks again and again, and does not answer.');
  }

  /** What the server says unasked, while the client listens. */
  async listen(
    { session, source, caller }: Standing & { readonly session: ClientSession },
    hearing: Hearing,
  ): Promise<void> {
    const { notes } = this.#parts;
    while (!hearing.signal.aborted) {
      // Another filter is another stream: the one before is left when the client watches other resources.
      const changed = new AbortController();
      const stop = notes.watch(session.id, () => changed.abort());
      const signal = AbortSignal.any([hearing.signal, changed.signal]);
      const notifications = {
        ...{ toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true },
        resourceSubscriptions: notes.urisOf(session.id),
      };
      const params = this.#modern({ notifications }, session);
      try {
        await source.ask(
          { method: 'subscriptions/listen', params, caller },
          { signal, notify: unmarked(hearing) },
        );
        if (!changed.signal.aborted) return;
      } catch (thrown) {
        if (!changed.signal.aborted) throw thrown;
      } finally {
        stop();
      }
    }
  }

  /** What the gateway answers by itself: it is of the session, which the servers know nothing of. */
  #own(method: string, params: JsonObject, session: ClientSession): Outcome | null {
    const { notes } = this.#parts;
    const { level, uri } = params;
    switch (method) {
      case 'ping':
        return { result: {} };
      case 'logging/setLevel':
        if (!logLevels.includes(level as never))
          return failure(codes.invalidParams, 'There is no such level.');
        notes.tell(session.id, { logLevel: level });
        return { result: {} };
      case 'resources/subscribe':
      case 'resources/unsubscribe':
        if (typeof uri !== 'string') return failure(codes.invalidParams, 'Expected "uri", a string.');
        notes.tell(session.id, { [method.slice('resources/'.length)]: uri });
        return { result: {} };
      case 'server/discover':
      case 'subscriptions/listen':
      case 'initialize':
        return methodNotFound(method);
      default:
        return null;
    }
  }

  async #answers(
    questions: JsonObject,
    session: ClientSession,
    hearing: LegacyHearing,
  ): Promise<{ readonly answers: JsonObject } | { readonly refused: Outcome }> {
    const answers: Record<string, unknown> = {};
    const asked = Object.entries(questions).map(async ([key, question]) => {
      if (!isObject(question) || typeof question['method'] !== 'string') return null;
      const { method, params = {} } = question as { method: string; params?: JsonObject };
      const outcome = await this.#parts.questions.ask(session.id, hearing.signal, (id: RpcId) =>
        hearing.ask(request({ id, method, params })),
      );
      if ('result' in outcome) answers[key] = outcome.result;
      return 'error' in outcome ? outcome : null;
    });
    const refused = (await Promise.all(asked)).find((outcome) => outcome !== null);
    return refused ? { refused } : { answers };
  }

  #modern(params: JsonObject, session: ClientSession): JsonObject {
    return withMeta(params, {
      [metaOf.version]: modernVersion,
      [metaOf.client]: session.clientInfo,
      [metaOf.capabilities]: session.capabilities,
      // Where a client has not named a level the server decides: it is to say what it deems worth it.
      [metaOf.logLevel]: this.#parts.notes.logLevelOf(session.id) ?? 'info',
    });
  }
}

/** A result as it was before 2026. */
function legacy(outcome: Outcome): Outcome {
  if ('error' in outcome) return outcome;
  const { resultType: _, ttlMs: __, cacheScope: ___, ...result } = outcome.result;
  return { result: withMeta(result, { [metaOf.server]: undefined }) };
}

const unmarked =
  ({ notify }: Hearing): Hearing['notify'] =>
  (message) => {
    if (message['method'] === 'notifications/subscriptions/acknowledged') return;
    const params = isObject(message['params']) ? message['params'] : {};
    notify({ ...message, params: withMeta(params, { [metaOf.subscription]: undefined }) });
  };
