import type { CallSocket, SocketCall } from '#core/contracts/call-socket.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import type { JsonObject } from '#core/call.ts';
import { Fault, faultFrom } from '#core/fault.ts';
import { headerOf } from '#core/head.ts';
import { parseJson } from '#core/parse-json.ts';
import { isObject } from '#core/read-json.ts';
import type { LlmRoute } from '#core/snapshot.ts';
import { nothingLeft, type Answer } from '../answer.ts';
import { answerHeaders } from '../answer-headers.ts';
import { newExchangeId } from '../open-exchange.ts';
import type { Passage } from '../passage.ts';
import { outcomeOf } from '../refuse.ts';
import { settleAhead } from '../limits/settle-limits.ts';
import { acceptOf, requireWebSocket } from './handshake.ts';
import { MessageInbound } from './message-inbound.ts';
import { MessageSocket } from './message-socket.ts';

/** Calls that may be under way or waiting on one WebSocket: each holds its body. */
const maxCalls = 64;
/** Of these, so many are answered at once. */
const maxLanes = 16;

/**
 * Opens a WebSocket on which every message is a call of its own: admitted, answered, metered and put on record as if it had
 * been posted. Resolves when the connection has ended and so have its calls.
 * @throws Fault `request/upgrade-refused` where no WebSocket is asked for.
 */
export async function serveCallSocket(passage: Passage, dialect: Dialect): Promise<Answer> {
  const { exchange } = passage;
  const { websocket } = passage.route.route as LlmRoute;
  requireWebSocket(exchange, { upgrade: true, websocket });
  await settleAhead(passage);
  const key = headerOf(exchange.head.headers, 'sec-websocket-key') ?? '';
  const client = exchange.inbound.upgrade(
    answerHeaders(passage, 101, [
      'connection',
      'Upgrade',
      'upgrade',
      'websocket',
      'sec-websocket-accept',
      acceptOf(key),
    ]),
  );
  if (!client) throw new Fault('client/gone', 'The client hung up before its connection was upgraded.');
  exchange.status = 101;
  exchange.firstContentAtMs = passage.gateway.clock.nowMs();
  await new Calls(passage, dialect).serve(client);
  return nothingLeft;
}

class Calls {
  readonly #passage: Passage;
  readonly #reads: CallSocket;
  #socket!: MessageSocket;
  /** The last call of each lane that has any. */
  readonly #lanes = new Map<string, Promise<void>>();
  readonly #running = new Set<MessageInbound>();
  #waiting = 0;
  /** Of their messages together, in characters. */
  #waitingSize = 0;
  #leaving = false;
  #gone = false;

  constructor(passage: Passage, dialect: Dialect) {
    const { clock } = passage.gateway;
    this.#passage = passage;
    this.#reads = dialect.client.openCallSocket!({
      limitBytes: passage.route.route.bodyBytes,
      newId: () => newExchangeId(clock.nowMs()).toLowerCase(),
      nowS: () => Math.floor(clock.nowMs() / 1000),
    });
  }

  async serve(client: MessageSocketClient): Promise<void> {
    const { exchange, gateway, route } = this.#passage;
    const { websocket, bodyBytes } = route.route as LlmRoute;
    // Messages are held until they are whole.
    const maxMessageBytes = websocket.maxMessageBytes || 2 * bodyBytes;
    await new Promise<void>((over) => {
      this.#socket = new MessageSocket({
        client,
        settings: { ...websocket, maxMessageBytes, deflate: false },
        watch: gateway.sockets,
        observer: gateway.observer,
        onText: (text) => this.#take(text),
        onDrain: () => {
          for (const call of this.#running) call.drained();
        },
        onLeave: () => {
          this.#leaving = true;
          this.#leave();
        },
        onGone: () => {
          this.#gone = true;
          for (const call of this.#running) call.lost();
        },
        onOver: (totals, failed) => {
          exchange.socket = totals;
          exchange.requestBytes = totals.clientBytes;
          if (failed) {
            exchange.fault =
              totals.closeCode === 1006
                ? new Fault('client/gone', 'The client ended its connection without closing the WebSocket.')
                : new Fault('request/websocket', `The client broke the WebSocket (${totals.closeCode}).`);
            exchange.outcome = outcomeOf(exchange.fault);
          }
          over();
        },
      });
      this.#socket.start();
    });
    await Promise.all(this.#lanes.values());
  }

  #take(text: string): void {
    let message: JsonObject | null = null;
    try {
      message = parseMessage(text);
      const call = this.#reads.read(message);
      this.#refuseMore(call, text.length);
      this.#queue(call, text.length);
    } catch (thrown) {
      this.#refuse(thrown, message);
    }
  }

  #refuse(thrown: unknown, message: JsonObject | null): void {
    const { exchange, gateway } = this.#passage;
    const fault = faultFrom(thrown);
    if (fault.code === 'gateway/internal') gateway.observer.failed(exchange, fault.cause);
    this.#socket.send(this.#reads.renderFault(fault, exchange.id, message));
  }

  #refuseMore({ lane }: SocketCall, size: number): void {
    if (this.#leaving)
      throw new Fault('gateway/draining', 'The gateway is shutting down. Open another WebSocket.');
    const { bodyBytes } = this.#passage.route.route;
    if (this.#waitingSize > 0 && this.#waitingSize + size > bodyBytes)
      throw new Fault(
        'limit/exceeded',
        `Calls of this WebSocket wait that have ${bodyBytes} bytes together.`,
      );
    if (this.#waiting >= maxCalls)
      throw new Fault('limit/exceeded', `${maxCalls} calls of this WebSocket are not answered yet.`);
    if (!this.#lanes.has(lane) && this.#lanes.size >= maxLanes)
      throw new Fault('limit/exceeded', `${maxLanes} calls of this WebSocket are answered at once.`);
  }

  #queue(call: SocketCall, size: number): void {
    this.#waiting++;
    this.#waitingSize += size;
    this.#socket.busy = true;
    const before = this.#lanes.get(call.lane) ?? Promise.resolve();
    const done = before
      .then(() => this.#answer(call))
      .catch((error: unknown) => this.#refuse(error, null))
      .finally(() => {
        if (this.#lanes.get(call.lane) === done) this.#lanes.delete(call.lane);
        this.#waiting--;
        this.#waitingSize -= size;
        this.#socket.busy = this.#waiting > 0;
        this.#leave();
      });
    this.#lanes.set(call.lane, done);
  }

  async #answer(call: SocketCall): Promise<void> {
    if (this.#gone) return;
    const turn = call.turn();
    if ('messages' in turn) {
      for (const message of turn.messages) this.#socket.send(message);
      return;
    }
    const bytes = Buffer.from(JSON.stringify(turn.body));
    const inbound = new MessageInbound(this.#passage.exchange.head, bytes, {
      onEvent: (data) => {
        const message = call.renderEvent(data);
        return message === null || this.#socket.send(message);
      },
      onWhole: (status, headers, body) => void this.#socket.send(call.renderWhole(status, headers, body)),
      // Nobody is to take what came for the whole.
      onBroken: () => this.#socket.close(1011, 'an answer broke off'),
    });
    this.#running.add(inbound);
    try {
      await this.#passage.gateway.serve(inbound);
    } finally {
      this.#running.delete(inbound);
    }
  }

  #leave(): void {
    if (this.#leaving && this.#waiting === 0) this.#socket.close(1001, 'the gateway is going away');
  }
}

type MessageSocketClient = ConstructorParameters<typeof MessageSocket>[0]['client'];

function parseMessage(text: string): JsonObject {
  let parsed: unknown;
  try {
    parsed = parseJson(text);
  } catch (error) {
    throw new Fault(
      'request/body-not-json',
      `The message is not JSON: ${(error as Error).message.slice(0, 200)}`,
    );
  }
  if (!isObject(parsed)) throw new Fault('request/body-not-json', 'The message is JSON, but not an object.');
  return parsed;
}
