import type { Origin, UpstreamCall, UpstreamRequest, UpstreamSink } from '#core/contracts/upstream.ts';
import type { Fault } from '#core/fault.ts';
import type { Dialer } from '../dial.ts';
import { Http2Call } from './http2-call.ts';
import { Http2Session, type SessionHost } from './http2-session.ts';
import { requestFields } from './request-fields.ts';

export interface Http2ClientOptions {
  readonly dialer: Dialer;
  nowMs(): number;
}

/** Connections to one origin. More are opened when all are full, one at a time. */
interface OriginState {
  readonly sessions: Set<Http2Session>;
  /** Calls that wait for room, in order. */
  readonly waiting: Http2Call[];
  opening: Http2Session | null;
}

const mostSessions = 32;
const idleExpiryMs = 60_000;
/** How long a peer is taken to speak only HTTP/1.1 that has chosen it. */
const rememberedMs = 300_000;

/** Sends requests over HTTP/2 (RFC 9113), several on a connection. */
export class Http2Client {
  readonly #options: Http2ClientOptions;
  readonly #origins = new Map<string, OriginState>();
  readonly #calls = new Set<Http2Call>();
  /** Origins that chose HTTP/1.1, and until when that is believed. */
  readonly #http1 = new Map<string, number>();
  /** What is to become of a call whose origin speaks HTTP/1.1 after all. */
  readonly #fallbacks = new WeakMap<Http2Call, () => void>();
  #closing = false;

  constructor(options: Http2ClientOptions) {
    this.#options = options;
  }

  get busy(): boolean {
    return this.#calls.size > 0 || this.#origins.size > 0;
  }

  stats(): { open: number; idle: number } {
    let open = 0;
    let idle = 0;
    for (const { sessions } of this.#origins.values())
      for (const { streams } of sessions) {
        open++;
        if (streams === 0) idle++;
      }
    return { open, idle };
  }

  speaksHttp1({ key }: Origin): boolean {
    const until = this.#http1.get(key);
    if (until === undefined) return false;
    if (until > this.#options.nowMs()) return true;
    this.#http1.delete(key);
    return false;
  }

  /** `fallback` is called in place of everything else when the peer turns out to speak HTTP/1.1. @throws Fault for bad headers. */
  start(request: UpstreamRequest, sink: UpstreamSink, fallback: () => void): UpstreamCall {
    const call = new Http2Call(request, requestFields(request), {
      sink,
      host: {
        nowMs: () => this.#options.nowMs(),
        seek: (seeking) => this.#seek(seeking),
        over: (ended) => this.#over(ended),
      },
    });
    this.#calls.add(call);
    this.#fallbacks.set(call, fallback);
    this.#seek(call);
    return call;
  }

  /** Called now and then. */
  tick(nowMs: number): void {
    for (const call of this.#calls) call.checkTime(nowMs);
    for (const { sessions } of this.#origins.values())
      for (const session of [...sessions]) {
        session.check(nowMs);
        if (session.connected && session.streams === 0 && nowMs - session.idleSinceMs >= idleExpiryMs)
          session.destroy();
      }
  }

  /** Ends what is idle now, and the rest as it becomes so. */
  close(): void {
    this.#closing = true;
    for (const { sessions } of this.#origins.values()) for (const session of [...sessions]) session.retire();
  }

  #seek(call: Http2Call): void {
    const state = this.#stateOf(call.request.origin);
    let best: Http2Session | null = null;
    if (state.waiting.length === 0)
      for (const session of state.sessions)
        if (session.roomy && (best === null || session.streams < best.streams)) best = session;
    if (best) return call.sendOn(best);
    state.waiting.push(call);
    this.#grow(call.request.origin, state);
  }

  #grow(origin: Origin, state: OriginState): void {
    if (state.opening || state.waiting.length === 0) return;
    const useful = [...state.sessions].filter((session) => session.useful).length;
    if (useful >= mostSessions) return;
    const session = new Http2Session(origin, this.#host(state));
    state.opening = session;
    state.sessions.add(session);
  }

  #host(state: OriginState): SessionHost {
    return {
      dialer: this.#options.dialer,
      nowMs: () => this.#options.nowMs(),
      ready: (session) => {
        if (state.opening === session) state.opening = null;
        this.#serve(state, session);
      },
      speaksHttp1: ({ origin }) => {
        state.opening = null;
        this.#http1.set(origin.key, this.#options.nowMs() + rememberedMs);
        for (const call of state.waiting.splice(0)) {
          this.#calls.delete(call);
          this.#fallbacks.get(call)!();
        }
        this.#drop(origin, state);
      },
      failed: (session, fault: Fault) => {
        if (state.opening === session) state.opening = null;
        // Others that carry requests will have room again; without them nobody will.
        if (![...state.sessions].some((other) => other.connected && other.useful))
          for (const call of state.waiting.splice(0)) call.connectFailed(fault);
        this.#drop(session.origin, state);
      },
      roomy: (session) => this.#serve(state, session),
      closed: (session) => {
        state.sessions.delete(session);
        if (state.opening === session) state.opening = null;
        this.#grow(session.origin, state);
        this.#drop(session.origin, state);
      },
    };
  }

  #serve(state: OriginState, session: Http2Session): void {
    while (session.roomy && state.waiting.length > 0) state.waiting.shift()!.sendOn(session);
    this.#grow(session.origin, state);
    if (this.#closing && session.streams === 0) session.retire();
  }

  #over(call: Http2Call): void {
    this.#calls.delete(call);
    const { waiting } = this.#stateOf(call.request.origin);
    const at = waiting.indexOf(call);
    if (at >= 0) waiting.splice(at, 1);
  }

  #stateOf({ key }: Origin): OriginState {
    let state = this.#origins.get(key);
    if (!state) this.#origins.set(key, (state = { sessions: new Set(), waiting: [], opening: null }));
    return state;
  }

  #drop({ key }: Origin, state: OriginState): void {
    if (state.sessions.size === 0 && state.waiting.length === 0 && this.#origins.get(key) === state)
      this.#origins.delete(key);
  }
}
