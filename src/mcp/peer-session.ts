import type { JsonObject } from '#core/call.ts';
import { Fault } from '#core/fault.ts';
import { isObject } from '#core/read-json.ts';
import type { Channel, OpenChannel, Receiver } from './channel.ts';
import {
  codes,
  failure,
  legacyVersions,
  metaIn,
  metaOf,
  notification,
  readMessage,
  request,
  response,
  type Outcome,
  type RpcId,
  type RpcRequest,
} from './wire.ts';

/** What a server has said of itself in the handshake. */
export interface ServerHello {
  readonly capabilities: JsonObject;
  readonly serverInfo: JsonObject;
  readonly instructions: string | null;
}

/** What concerns one running request. */
export interface RequestHearing {
  onNotification(message: JsonObject): void;
  /** The server asks something of the client. */
  onQuestion(question: RpcRequest): void;
  readonly signal: AbortSignal;
}

interface Running {
  readonly hearing: RequestHearing;
  readonly progressToken: unknown;
  settle(outcome: Outcome): void;
  fail(fault: Fault): void;
}

/** So long the server may take for what the gateway itself tells it. */
const ownMs = 30_000;

/** One session with a server over whichever channel: one of the legacy era, or a program of either. */
export class PeerSession implements Receiver {
  readonly #channel: Channel;
  readonly #running = new Map<RpcId, Running>();
  readonly #listeners = new Set<(method: string, message: JsonObject) => void>();
  /** Resources whose changes are wanted, and by how many. */
  readonly #subscribed = new Map<string, number>();
  #asked = 0;
  #lost: Fault | null = null;
  hello: ServerHello = { capabilities: {}, serverInfo: {}, instructions: null };
  /** Does it take modern requests? Then there was no handshake, and nothing is remembered. */
  readonly isModern: boolean;
  /** The lowest level of log messages that the server was asked for; null: none yet. */
  logLevel: string | null = null;

  private constructor(open: OpenChannel, isModern: boolean) {
    this.isModern = isModern;
    this.#channel = open(this);
  }

  /** Without a handshake. */
  static modern(open: OpenChannel): PeerSession {
    return new PeerSession(open, true);
  }

  /** @throws Fault when the server cannot be reached or does not shake hands. */
  static async open(
    open: OpenChannel,
    { capabilities, clientInfo }: { readonly capabilities: JsonObject; readonly clientInfo: JsonObject },
  ): Promise<PeerSession> {
    const session = new PeerSession(open, false);
    try {
      const params = { protocolVersion: legacyVersions[0], capabilities, clientInfo };
      const outcome = await session.do('initialize', params);
      if ('error' in outcome)
        throw new Fault('upstream/refused', `The server has refused the handshake: ${outcome.error.message}`);
      const { protocolVersion, serverInfo, capabilities: has, instructions } = outcome.result;
      session.hello = {
        capabilities: isObject(has) ? has : {},
        serverInfo: isObject(serverInfo) ? serverInfo : {},
        instructions: typeof instructions === 'string' ? instructions : null,
      };
      session.#channel.opened(typeof protocolVersion === 'string' ? protocolVersion : legacyVersions[0]);
      await session.notify('notifications/initialized', {});
      return session;
    } catch (thrown) {
      session.close();
      throw thrown;
    }
  }

  get lost(): boolean {
    return this.#lost !== null;
  }

  get busy(): boolean {
    return this.#running.size > 0 || this.#listeners.size > 0;
  }

  /** @throws Fault, or SessionGone. */
  request(method: string, params: JsonObject, hearing: RequestHearing): Promise<Outcome> {
    if (this.#lost) return Promise.reject(this.#lost);
    const id = ++this.#asked;
    const meta = isObject(params['_meta']) ? params['_meta'] : {};
    const { progressToken } = meta;
    // One session serves several callers, whose tokens may be alike.
    const sent =
      progressToken === undefined ? params : { ...params, _meta: { ...meta, progressToken: `p${id}` } };
    return new Promise((resolve, reject) => {
      const over = (settle: () => void) => {
        if (!this.#running.delete(id)) return;
        hearing.signal.removeEventListener('abort', cancel);
        settle();
      };
      const cancel = () => {
        over(() => reject(new Fault('client/gone', 'Nobody waits for the answer any more.')));
        const reason = 'The caller has gone.';
        this.notify('notifications/cancelled', { requestId: id, reason }).catch(() => undefined);
      };
      this.#running.set(id, {
        hearing,
        progressToken,
        settle: (outcome) => over(() => resolve(outcome)),
        fail: (fault) => over(() => reject(fault)),
      });
      hearing.signal.addEventListener('abort', cancel, { once: true });
      this.#channel
        .send(request({ id, method, params: sent }), hearing.signal)
        .catch((thrown: unknown) => over(() => reject(thrown as Error)));
    });
  }

  notify(method: string, params: JsonObject): Promise<void> {
    return this.#channel.send(notification(method, params), AbortSignal.timeout(ownMs));
  }

  respond(id: RpcId, outcome: Outcome): void {
    const signal = AbortSignal.timeout(ownMs);
    // Where it does not arrive the request that waits for it fails by itself.
    this.#channel.send(response(id, outcome), signal).catch(() => undefined);
  }

  /** Hears what no request asked for. Returns what ends it. */
  listen(listener: (method: string, message: JsonObject) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async subscribe(uri: string): Promise<void> {
    const others = this.#subscribed.get(uri) ?? 0;
    this.#subscribed.set(uri, others + 1);
    if (others === 0) await this.do('resources/subscribe', { uri });
  }

  unsubscribe(uri: string): void {
    const others = (this.#subscribed.get(uri) ?? 1) - 1;
    this.#subscribed.set(uri, others);
    if (others > 0) return;
    this.#subscribed.delete(uri);
    // Where the session has ended there is nothing to be ended.
    if (!this.#lost) this.do('resources/unsubscribe', { uri }).catch(() => undefined);
  }

  /** A request of the gateway's own. */
  do(method: string, params: JsonObject): Promise<Outcome> {
    return this.request(method, params, { ...nobody, signal: AbortSignal.timeout(ownMs) });
  }

  receive(came: unknown, about: RpcId | null): void {
    const message = readMessage(came);
    switch (message?.kind) {
      case 'result':
        return this.#running.get(message.id)?.settle({ result: message.result });
      case 'error':
        return void (message.id === null
          ? undefined
          : this.#running.get(message.id)?.settle({ error: message.error }));
      case 'notification':
        return this.#notified(message.method, { came: came as JsonObject, params: message.params, about });
      case 'request':
        return this.#questioned(message, about);
      case undefined:
        return;
    }
  }

  fail(fault: Fault): void {
    this.#lost = fault;
    for (const running of [...this.#running.values()]) running.fail(fault);
    for (const listener of this.#listeners) listener('', {});
  }

  close(): void {
    this.#channel.close();
    this.fail(new Fault('upstream/closed', 'The session with the server has ended.'));
  }

  #questioned(question: RpcRequest, about: RpcId | null): void {
    if (question.method === 'ping') return this.respond(question.id, { result: {} });
    const running = this.#concerned(about);
    if (running) return running.hearing.onQuestion(question);
    this.respond(question.id, failure(codes.methodNotFound, 'Nobody is there to be asked.'));
  }

  #notified(
    method: string,
    {
      came,
      params,
      about,
    }: { readonly came: JsonObject; readonly params: JsonObject; readonly about: RpcId | null },
  ): void {
    if (method === 'notifications/progress') {
      const id = /^p(\d+)$/.exec(String(params['progressToken']))?.[1];
      const running = id === undefined ? undefined : this.#running.get(Number(id));
      running?.hearing.onNotification({
        ...came,
        params: { ...params, progressToken: running.progressToken },
      });
    } else if (this.isModern && metaIn(params)[metaOf.subscription] !== undefined) {
      this.#subscriber(params)?.hearing.onNotification(came);
    } else if (method === 'notifications/message') {
      this.#concerned(about)?.hearing.onNotification(came);
    } else {
      for (const listener of this.#listeners) listener(method, came);
    }
  }

  /** The stream of changes that a notification is for. */
  #subscriber(params: JsonObject): Running | undefined {
    return this.#running.get(metaIn(params)[metaOf.subscription] as RpcId);
  }

  /** The request by whose answer something came; else the newest, since servers of this era do not say which one they mean. */
  #concerned(about: RpcId | null): Running | undefined {
    const named = about === null ? undefined : this.#running.get(about);
    return named ?? [...this.#running.values()].at(-1);
  }
}

const nobody = { onNotification() {}, onQuestion() {} };
