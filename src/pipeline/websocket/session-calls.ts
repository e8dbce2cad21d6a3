import type { SessionEvent, SessionSide } from '#core/contracts/session-side.ts';
import type { AttemptRecord, Exchange } from '#core/exchange.ts';
import { Fault, faultFrom } from '#core/fault.ts';
import type { Target } from '#core/target.ts';
import type { Usage } from '#core/usage.ts';
import { admit } from '../admit.ts';
import { notYours } from '../kept/ownership.ts';
import { reserveLimits } from '../limits/reserve.ts';
import type { ModelCall } from '../model-call.ts';
import { openExchange } from '../open-exchange.ts';
import type { Passage } from '../passage.ts';
import { recordIntent } from '../record-intent.ts';
import { outcomeOf } from '../refuse.ts';
import { settle } from '../settle.ts';
import { MessageInbound } from './message-inbound.ts';
import type { WebSocketRelay } from './relay.ts';

export interface SessionCallsParts {
  readonly passage: Passage;
  readonly call: ModelCall;
  readonly target: Target;
}

/** Responses of one session that may be under way at once: each is remembered until it is done. */
const maxRunning = 64;

interface Running {
  readonly passage: Passage;
  readonly record: AttemptRecord;
  /** Admitted, or refused. */
  readonly begun: Promise<void>;
}

/**
 * What a session is used for. Each response is an exchange of its own, admitted by the route's policies when the provider
 * begins it and put on record when it is done, so that limits and reports know of it while the session goes on. A policy
 * that refuses ends the session.
 */
export class SessionCalls {
  readonly #parts: SessionCallsParts;
  readonly #side: SessionSide;
  readonly #words: readonly Buffer[];
  readonly #running = new Map<string, Running>();
  /** Settlements under way. */
  readonly #settling = new Set<Promise<void>>();
  #refused = false;
  #helperModel: string | null = null;
  relay: WebSocketRelay | null = null;

  constructor(parts: SessionCallsParts) {
    this.#parts = parts;
    this.#side = parts.call.dialect.session!;
    this.#words = this.#side.words.map((word) => Buffer.from(word));
  }

  /** A message of the provider. */
  take(payload: Uint8Array): void {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
    if (!this.#words.some((word) => bytes.includes(word))) return;
    const event = this.#side.read(bytes.toString('utf8'));
    if (event) this.#follow(event);
  }

  /** Is what the client says of any interest here? */
  get readsClient(): boolean {
    const { route } = this.#parts.passage.route;
    return route.kind === 'llm' && route.vendorIds !== 'pass';
  }

  /** A message of the client, before it has passed whole: what names things kept at the provider does not. */
  hear(payload: Uint8Array): void {
    const text = Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString('utf8');
    if (!text.includes('\\u') && !this.#side.vendorIdWords?.test(text)) return;
    const field = this.#side.vendorId(text);
    if (field !== null) this.#refuse(notYours(field), this.#parts.passage.exchange);
  }

  /** The session is over. Resolves when all that it was used for is on record. */
  async over(): Promise<void> {
    const { exchange } = this.#parts.passage;
    for (const [id, { passage }] of this.#running) {
      passage.exchange.fault ??=
        exchange.fault ?? new Fault('client/gone', 'The session was closed before the response was done.');
      passage.exchange.outcome = outcomeOf(passage.exchange.fault);
      this.#finish(id, null);
    }
    await Promise.all(this.#settling);
  }

  #follow(event: SessionEvent): void {
    switch (event.type) {
      case 'began':
        this.#begin(event.id, this.#parts.target);
        return;
      case 'ended':
        // One whose beginning was not seen was used all the same.
        if (!this.#running.has(event.id)) this.#begin(event.id, this.#parts.target);
        return this.#finish(event.id, event.usage);
      case 'used': {
        const id = `used ${this.#running.size}`;
        this.#begin(id, this.#helper());
        return this.#finish(id, event.usage);
      }
      case 'helper':
        this.#helperModel = event.model;
    }
  }

  /** Billed as the model it is, where that is known here. */
  #helper(): Target {
    const { passage, target } = this.#parts;
    const model = this.#helperModel;
    if (model === null) return target;
    const { name } = target.provider;
    const found = passage.gateway.models.find(`${name}/${model}`);
    const same = found?.targets.find((other) => other.provider.name === name && other.model === model);
    return { ...target, model, price: same?.price ?? null };
  }

  #begin(id: string, target: Target): void {
    if (this.#running.has(id)) return;
    if (this.#running.size >= maxRunning)
      return this.#refuse(
        new Fault('limit/exceeded', `${maxRunning} responses of this session are not done yet.`),
        this.#parts.passage.exchange,
      );
    const { gateway, route } = this.#parts.passage;
    const exchange = this.#exchange();
    const passage: Passage = { exchange, gateway, route };
    const record: AttemptRecord = {
      number: 1,
      target,
      provider: target.provider.name,
      startedAtMs: gateway.clock.nowMs(),
      endedAtMs: 0,
      status: 200,
      fault: null,
      upstreamId: id,
      usage: null,
      work: 'begun',
      seen: null,
      inputText: null,
    };
    exchange.attempts.push(record);
    gateway.observer.began(exchange);
    this.#running.set(id, { passage, record, begun: this.#admit(passage, record) });
  }

  #exchange(): Exchange {
    const { exchange, gateway } = this.#parts.passage;
    const { head } = exchange;
    const inbound = new MessageInbound(head, Buffer.alloc(0), {
      onEvent: () => true,
      onWhole() {},
      onBroken() {},
    });
    const own = openExchange(inbound, gateway.clock.nowMs(), gateway.snapshot.service);
    return {
      ...own,
      head,
      trace: { ...own.trace, traceId: exchange.trace.traceId, parent: exchange.trace.spanId },
      routeName: exchange.routeName,
      dialectName: exchange.dialectName,
      consumer: exchange.consumer,
      claims: exchange.claims,
      brief: exchange.brief,
      countedModel: exchange.countedModel,
      modelNames: exchange.modelNames,
      status: 200,
    };
  }

  /** Identity first, as for any call: a key that was withdrawn meanwhile opens no more responses. */
  async #admit(passage: Passage, record: AttemptRecord): Promise<void> {
    const { exchange, route } = passage;
    try {
      await admit(route.onHead, 'onHead', passage);
      if (!exchange.shortAnswer) await admit(route.onCall, 'onCall', passage);
      if (exchange.shortAnswer) throw new Fault('policy/cut', 'A policy answered in place of the model.');
      await reserveLimits(passage);
      await recordIntent(passage, record);
    } catch (thrown) {
      const fault = faultFrom(thrown);
      if (fault.code === 'gateway/internal' || fault.code === 'policy/failed')
        passage.gateway.observer.failed(exchange, fault.cause);
      exchange.fault = fault;
      exchange.outcome = outcomeOf(fault);
      exchange.status = fault.status;
      this.#refuse(fault, exchange);
    }
  }

  #refuse(fault: Fault, { id }: Exchange): void {
    if (this.#refused) return;
    this.#refused = true;
    this.relay?.dismiss(this.#side.renderFault(fault, id), closeCodeOf(fault), 'see the error before');
  }

  #finish(id: string, usage: Usage | null): void {
    const running = this.#running.get(id);
    if (!running) return;
    this.#running.delete(id);
    const settling = this.#settle(running, usage).finally(() => this.#settling.delete(settling));
    this.#settling.add(settling);
  }

  async #settle({ passage, record, begun }: Running, usage: Usage | null): Promise<void> {
    record.usage = usage;
    if (usage) record.work = 'finished';
    record.endedAtMs = passage.gateway.clock.nowMs();
    await begun;
    await settle(passage, 0);
  }
}

/** RFC 6455 §7.4.1 and the registry beside it: try again later, not allowed, or our own failure. */
function closeCodeOf(fault: Fault): number {
  if (fault.code === 'limit/exceeded') return 1013;
  return fault.blame === 'client' ? 1008 : 1011;
}
