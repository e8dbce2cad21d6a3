import { Counter, gauge, type MetricJson } from './series.ts';

/** WebSockets: how many are open, what passes, how they end. */
export class SocketMetrics {
  #open = 0;
  readonly #messages = new Counter(
    'sluice_websocket_messages_total',
    'Whole messages relayed, by who sent them.',
    ['sender'],
  );
  readonly #closes = new Counter(
    'sluice_websocket_closes_total',
    'WebSockets that have ended, by the class of code.',
    ['code'],
  );

  opened(): void {
    this.#open++;
  }

  messages(fromClient: number, fromUpstream: number): void {
    if (fromClient > 0) this.#messages.at('client').value += fromClient;
    if (fromUpstream > 0) this.#messages.at('upstream').value += fromUpstream;
  }

  closed(code: number): void {
    this.#open--;
    this.#closes.at(classOf(code)).value++;
  }

  dump(): MetricJson[] {
    return [
      gauge({ name: 'sluice_open_websockets', help: 'WebSockets that are open.', aggregator: 'sum' }, [
        { labels: {}, value: this.#open },
      ]),
      this.#messages.dump(),
      this.#closes.dump(),
    ];
  }
}

/** Codes of the protocol stand for themselves; those of libraries and applications (RFC 6455 §7.4.2) are too many. */
function classOf(code: number): string {
  if (code < 3000) return String(code);
  return code < 4000 ? '3xxx' : '4xxx';
}
