import type { Inbound } from '#core/contracts/inbound.ts';
import type { BodySource } from '#core/contracts/upstream.ts';
import { withoutHeaders, type RequestHead } from '#core/head.ts';
import type { Renewal } from '#core/contracts/answer-intake.ts';
import { nothingLeft, type Answer } from '../answer.ts';
import { forward } from '../forward.ts';
import type { CompiledRoute } from '../gateway.ts';
import { openExchange } from '../open-exchange.ts';
import type { Passage } from '../passage.ts';
import { refuse } from '../refuse.ts';
import { settle } from '../settle.ts';

/**
 * Asks an upstream again for what was just given out of what is kept: an exchange of its own, of the same consumer, with a receipt, and
 * without a client. The policies have admitted it. Never rejects.
 */
export async function renew(
  { exchange: first, gateway, route, metered }: Passage,
  { intake, edits }: Renewal,
): Promise<void> {
  const inbound = new Unheard(first.head);
  const opened = openExchange(inbound, gateway.clock.nowMs());
  const { routeName, consumer, consumedParameter, claims, service, partName, meteredAs } = first;
  const exchange = {
    ...{ ...opened, routeName, consumer, consumedParameter, claims, intake, meteredAs },
    ...(service === undefined ? {} : { service }),
    ...(partName === undefined ? {} : { partName }),
    consumedHeaders: [...first.consumedHeaders],
    upstreamHeaders: [...first.upstreamHeaders, ...edits],
    notes: { cache: 'renewal' },
  };
  const passage: Passage = {
    ...{ exchange, gateway, route: withoutPolicies(route) },
    ...(metered ? { metered } : {}),
  };
  let answer: Answer = nothingLeft;
  gateway.observer.began(exchange);
  gateway.unheard.add(inbound);
  try {
    answer = await forward(passage);
  } catch (thrown) {
    answer = refuse(passage, thrown);
  } finally {
    if (await settle(passage, 0)) answer.release();
    else answer.abandon();
    gateway.unheard.delete(inbound);
  }
}

const withoutPolicies = (route: CompiledRoute): CompiledRoute => ({
  ...route,
  policies: [],
  onHead: [],
  readsBody: [],
  onCall: [],
  limits: [],
  targetLimits: [],
  queue: null,
  onAnswer: [],
  openAnswer: [],
  encodeAnswer: [],
  onSettled: [],
});

/** What one client asks of caches, or for itself alone. */
const oneClients = new Set([
  'cache-control',
  'pragma',
  'range',
  'if-range',
  'if-none-match',
  'if-modified-since',
]);

/** A request that nobody waits for: what is answered goes nowhere. */
class Unheard implements Inbound, BodySource {
  readonly head: RequestHead;
  readonly bytesOut = 0;
  readonly lengthBytes = 0;
  begun = false;
  gone = false;
  #goneListener: (() => void) | null = null;

  constructor(head: RequestHead) {
    this.head = { ...head, headers: withoutHeaders(head.headers, oneClients) };
  }

  /** The process ends. */
  giveUp(): void {
    this.gone = true;
    this.#goneListener?.();
  }

  get body(): BodySource {
    return this;
  }

  open(sink: Parameters<BodySource['open']>[0]): void {
    sink.onEnd();
  }

  pause(): void {}

  resume(): void {}

  readBody(): Promise<Buffer> {
    return Promise.resolve(Buffer.alloc(0));
  }

  onGone(listener: () => void): void {
    this.#goneListener = listener;
    if (this.gone) listener();
  }

  interim(): void {}

  respond(): void {
    this.begun = true;
  }

  begin(): void {
    this.begun = true;
  }

  write(): boolean {
    return true;
  }

  onDrain(): void {}

  end(): void {}

  upgrade(): null {
    return null;
  }
}
