import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';
import { Fault } from '#core/fault.ts';
import { SessionGone } from './channel.ts';
import { HeldCall } from './held-call.ts';
import type { HeldCalls } from './held-calls.ts';
import type { PeerSession } from './peer-session.ts';
import { listenTo } from './legacy-listening.ts';
import type { SessionPool } from './session-pool.ts';
import type { Ask, Hearing, ToolSource } from './tool-source.ts';
import {
  cacheable,
  capabilitiesIn,
  logLevels,
  mayAsk,
  metaIn,
  metaOf,
  methodNotFound,
  modernVersion,
  withMeta,
  type Outcome,
} from './wire.ts';

/** Of servers before 2025-11-25 a resource that is not there; since then an invalid parameter. */
const resourceNotFound = -32002;
const invalidParams = -32602;

/**
 * A server that is asked in sessions: of the legacy era, whose sessions are opened for what callers can do and whose questions are held,
 * or a program of the modern one.
 */
export class SessionSource implements ToolSource {
  readonly #pool: SessionPool;
  readonly #held: HeldCalls;

  constructor(pool: SessionPool, held: HeldCalls) {
    this.#pool = pool;
    this.#held = held;
  }

  async ask(ask: Ask, hearing: Hearing): Promise<Outcome> {
    const { method, params } = ask;
    const { requestState } = params;
    if (mayAsk.has(method) && typeof requestState === 'string' && this.#held.isTicket(requestState))
      return modern(method, await this.#held.resume(requestState, ask, hearing), null);
    for (let again = false; ; again = true) {
      const session = await this.#pool.get(ask);
      try {
        return await this.#askIn(session, ask, hearing);
      } catch (thrown) {
        if (!(thrown instanceof SessionGone)) throw thrown;
        session.close();
        if (again) throw noSession();
      }
    }
  }

  retire(): void {
    this.#pool.retire();
  }

  close(): void {
    this.#pool.close();
  }

  async #askIn(session: PeerSession, ask: Ask, hearing: Hearing): Promise<Outcome> {
    const { method, params } = ask;
    if (session.isModern) return askModern(session, ask, hearing);
    if (typeof params['requestState'] === 'string')
      return this.#held.resume(params['requestState'], ask, hearing);
    if (method === 'server/discover') return modern(method, { result: discovered(session) }, session);
    if (method === 'subscriptions/listen') return listenTo(session, params, hearing);
    const level = await setLevel(session, params);
    const filtered: Hearing = {
      signal: hearing.signal,
      notify(message) {
        if (message['method'] !== 'notifications/message' || isWanted(message, level))
          hearing.notify(message);
      },
    };
    const { inputResponses, requestState: _, ...asked } = params;
    const call = new HeldCall({
      ...{ session, method, params: legacyParams(asked) },
      capabilities: mayAsk.has(method) ? capabilitiesIn(params) : {},
      ahead: isObject(inputResponses) ? inputResponses : {},
    });
    return modern(method, this.#held.settle(call, await call.next(filtered), ask), session);
  }
}

const noSession = (): Fault => new Fault('upstream/refused', 'The server forgets its sessions at once.');

/** Passes. A modern server asks nothing by requests of its own. */
const askModern = (
  session: PeerSession,
  { method, params }: Ask,
  { notify, signal }: Hearing,
): Promise<Outcome> =>
  session.request(method, params, {
    signal,
    onNotification: notify,
    onQuestion: ({ id, method: asked }) => session.respond(id, methodNotFound(asked)),
  });

const discovered = ({ hello: { capabilities, instructions } }: PeerSession): JsonObject => ({
  supportedVersions: [modernVersion],
  capabilities,
  ...(instructions === null ? {} : { instructions }),
});

/** What belongs to modern requests alone stays out. */
function legacyParams(params: JsonObject): JsonObject {
  const { version, client, capabilities, logLevel } = metaOf;
  const none = undefined;
  return withMeta(params, { [version]: none, [client]: none, [capabilities]: none, [logLevel]: none });
}

/** The result as a modern server gives it. */
function modern(method: string, outcome: Outcome, session: PeerSession | null): Outcome {
  if ('error' in outcome) {
    const { error } = outcome;
    return error.code === resourceNotFound ? { error: { ...error, code: invalidParams } } : outcome;
  }
  // Nobody knows how long it holds.
  const kept = cacheable.has(method) ? { ttlMs: 0, cacheScope: 'private' } : {};
  const result = { resultType: 'complete', ...kept, ...outcome.result };
  return { result: session ? withMeta(result, { [metaOf.server]: session.hello.serverInfo }) : result };
}

/** Asks the server for the level that a request wants, where it was not asked for that much yet. */
async function setLevel(session: PeerSession, params: JsonObject): Promise<number | null> {
  const wanted = metaIn(params)[metaOf.logLevel];
  const level = logLevels.indexOf(wanted as never);
  if (level < 0) return null;
  const known = session.logLevel === null ? logLevels.length : logLevels.indexOf(session.logLevel as never);
  if (level < known && isObject(session.hello.capabilities['logging'])) {
    session.logLevel = logLevels[level]!;
    await session.do('logging/setLevel', { level: wanted });
  }
  return level;
}

/** A request that names no level wants no messages. */
function isWanted(message: JsonObject, level: number | null): boolean {
  if (level === null) return false;
  const params = message['params'];
  return !isObject(params) || logLevels.indexOf(params['level'] as never) >= level;
}
