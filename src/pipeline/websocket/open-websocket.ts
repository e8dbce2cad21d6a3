import type { AttemptRecord } from '#core/exchange.ts';
import { Fault, faultFrom } from '#core/fault.ts';
import type { HeaderList } from '#core/head.ts';
import type { OnMessage } from '#core/websocket/message-reader.ts';
import { answerHeaders } from '../answer-headers.ts';
import { responseHeaders } from '../forward-headers.ts';
import type { Passage } from '../passage.ts';
import { outcomeOf } from '../refuse.ts';
import type { End } from './direction.ts';
import { judgeAcceptance, type UpgradeRules } from './handshake.ts';
import { WebSocketRelay, type RelayResult } from './relay.ts';

export interface Opening {
  readonly rules: UpgradeRules;
  /** Called with what the upstream says, as it passes. */
  readonly onMessage?: OnMessage;
  /** Called with what the client says, before the end of it passes. */
  readonly onSaid?: OnMessage | undefined;
  /** Called before anything passes. */
  onOpen?(relay: WebSocketRelay): void;
  onOver(): void;
}

/**
 * The upstream has answered 101: joins it with the client. Returns what is wrong instead, when it cannot be; `onOver` is
 * called once it was, and both connections have ended.
 */
export function openWebSocket(
  passage: Passage,
  record: AttemptRecord,
  answer: { readonly headers: HeaderList; readonly upstream: End },
  { rules: route, onMessage, onSaid, onOpen, onOver }: Opening,
): Fault | null {
  const { exchange, gateway } = passage;
  const { wrong, deflate } = judgeAcceptance(exchange, route, answer.headers);
  if (wrong !== null)
    return new Fault(
      'upstream/protocol',
      `The upstream answered the WebSocket handshake with 101, but ${wrong}.`,
    );
  record.status = 101;
  record.work = 'begun';
  const own = ['connection', 'Upgrade', 'upgrade', 'websocket'];
  let given: HeaderList;
  try {
    given = answerHeaders(passage, 101, responseHeaders(answer.headers));
  } catch (thrown) {
    return faultFrom(thrown);
  }
  const client = exchange.inbound.upgrade([...own, ...given]);
  if (!client) return new Fault('client/gone', 'The client hung up before its connection was upgraded.');
  exchange.status = 101;
  exchange.firstContentAtMs = gateway.clock.nowMs();
  const relay = new WebSocketRelay({
    client,
    upstream: answer.upstream,
    settings: { ...route.websocket, deflate },
    watch: gateway.sockets,
    observer: gateway.observer,
    onMessage,
    onSaid,
    onOver(result) {
      record.work = 'finished';
      note(passage, record, result);
      onOver();
    },
  });
  onOpen?.(relay);
  relay.start();
  return null;
}

function note({ exchange }: Passage, record: AttemptRecord, { failed, ...totals }: RelayResult): void {
  exchange.socket = totals;
  exchange.requestBytes = totals.clientBytes;
  if (failed === null) return;
  const inOrder = totals.closeCode !== 1006;
  let fault: Fault;
  if (failed === 'upstream') {
    fault = inOrder
      ? new Fault('upstream/protocol', `The upstream broke the WebSocket (${totals.closeCode}).`)
      : new Fault('upstream/closed', 'The upstream ended its connection without closing the WebSocket.');
    record.fault = fault;
  } else {
    fault = inOrder
      ? new Fault('request/websocket', `The client broke the WebSocket (${totals.closeCode}).`)
      : new Fault('client/gone', 'The client ended its connection without closing the WebSocket.');
  }
  exchange.fault = fault;
  exchange.outcome = outcomeOf(fault);
}
