import type { Renewal } from '#core/contracts/answer-intake.ts';
import type { ReservedAmount } from '#core/contracts/journal.ts';
import type { PaceTicket } from '#core/contracts/pace.ts';
import type { Exchange } from '#core/exchange.ts';
import type { HeaderList } from '#core/head.ts';
import type { SaidFigures } from '#core/meter.ts';
import { connectRules } from '#core/retry-rules.ts';
import type { ResolvedModel } from '#core/snapshot.ts';
import type { CompiledRoute, Gateway } from './gateway.ts';
import type { Hold } from './limits/hold.ts';
import type { ModelCall } from './model-call.ts';

/** An exchange on its way through a gateway. */
export interface Passage {
  readonly exchange: Exchange;
  readonly gateway: Gateway;
  /** `unrouted` until a route is found. */
  route: CompiledRoute;
  /** The body, where the route had to be chosen by it: it comes only once. */
  body?: Buffer;
  /** The same as it is read: unpacked. */
  plainBody?: Buffer;
  /** What goes on as the URL's query, in place of the one that came. */
  query?: string;
  /** LLM routes: the call, once it is understood. */
  call?: ModelCall;
  /** Of a route that is billed: what the request says of it. */
  metered?: Readonly<SaidFigures>;
  /** Whose targets answer, once that is chosen. */
  model?: ResolvedModel;
  /** What is asked for is done later, whole: it can be neither bounded nor cut. */
  later?: true;
  /** What is reserved of limits: for the exchange, and then for attempts at targets. */
  holds?: Hold[];
  /** Of the attempt under way, where its provider's own limits are heeded. */
  ticket?: PaceTicket;
  /** By the monotonic clock: so long it waits for limits at most; set with the first wait. */
  queueUntilMs?: number;
  /** What was settled before the exchange is over. */
  bookedAhead?: readonly ReservedAmount[];
  /** Under an allowance: output of attempts that are over, in tokens. */
  spentTokens?: number;
  /** What the provider keeps is being put on record: the answer's end waits for it. */
  noted?: Promise<void>[];
  /** Headers of the answer itself, before policies and the exchange added theirs. */
  own?: HeaderList;
  /** What was given out of what is kept is to be asked for anew. */
  renewal?: Renewal;
  /** Where policies record what is answered. */
  recording?: RecordedAnswer;
}

/** What stands between an exchange and its client where policies record what is answered. */
export interface RecordedAnswer {
  /** The client has hung up, and the exchange went on without. */
  readonly unheard: boolean;
  /** The answer's end is given to the recorders, and then to the client. Never rejects. */
  release(answer: { release(): void; abandon(): void }, onRecord: boolean): Promise<void>;
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
    graphql: null,
    priority: 9,
  },
  policies: [],
  onHead: [],
  readsBody: [],
  rewriteBody: [],
  rewriteAnswer: [],
  onCall: [],
  limits: [],
  targetLimits: [],
  queue: null,
  onAnswer: [],
  openAnswer: [],
  encodeAnswer: [],
  judgeAnswer: [],
  onSettled: [],
  allowsModel: [],
  allowsTool: [],
  headTest: null,
  siblings: null,
  parts: null,
  meter: null,
};
