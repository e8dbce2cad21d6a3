import type { Exchange } from '#core/exchange.ts';
import { connectRules } from '#core/retry-rules.ts';
import type { CompiledRoute, Gateway } from './gateway.ts';

/** An exchange on its way through a gateway. */
export interface Passage {
  readonly exchange: Exchange;
  readonly gateway: Gateway;
  /** `unrouted` until a route is found. */
  route: CompiledRoute;
  /** The body, where the route had to be chosen by it: it comes only once. */
  body?: Buffer;
  /** Under an allowance: output of attempts that are over, in tokens. */
  spentTokens?: number;
  /** What the provider keeps is being put on record: the answer's end waits for it. */
  noted?: Promise<void>[];
}

/** Stands in while no route is known: no policies, errors as problem documents. */
export const unrouted: CompiledRoute = {
  route: {
    kind: 'http',
    name: '',
    match: { host: null, path: '/**', methods: null, conditions: [], clients: null, call: null },
    policies: [],
    upstream: '',
    stripPrefix: '',
    preserveHost: false,
    rewrite: null,
    upgrade: false,
    websocket: {
      origins: null,
      maxMessageBytes: 0,
      idleTimeoutMs: 0,
      pingMs: 0,
      controlFrames: 0,
      compression: 'pass',
    },
    timeouts: { connectMs: 0, responseHeaderMs: 0, idleMs: 0, totalMs: 0 },
    bodyBytes: 0,
    retries: connectRules,
    hedge: null,
    mirror: null,
    meter: null,
    priority: 9,
  },
  policies: [],
  onHead: [],
  onCall: [],
  onAnswer: [],
  openAnswer: [],
  encodeAnswer: [],
  onSettled: [],
  allowsModel: [],
  headTest: null,
  siblings: null,
  parts: null,
};
