import { gzip } from 'node:zlib';
import { promisify } from 'node:util';
import type { LogLine, OtlpDestination, Report, SpanRecord, TelemetryRules } from '#core/telemetry.ts';
import { BatchSender, type Sent } from '#observe/batch-sender.ts';
import { encodeRequest, rejectedIn } from '#observe/otlp/encode.ts';
import type { MessageJson } from '#observe/otlp/encode-protobuf.ts';
import { logsOf, metricsOf, tracesOf, type Teller } from '#observe/otlp/message-of.ts';
import type { MetricJson, MetricsDump } from '#observe/series.ts';
import { createUpstream } from '#transport/upstream/index.ts';
import { postTo } from './post-to.ts';
import { systemClock } from './system-clock.ts';

const pack = promisify(gzip);
/** Answers by which a receiver says that it may be tried again (OTLP, "Retryable Response Codes"). */
const retryable: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const spansInBatch = 512;
const linesInBatch = 512;

export interface TelemetryHubParts {
  readonly version: string;
  readonly startedAtMs: number;
}

interface Outlet {
  /** By which it is known again after a reload. */
  readonly key: string;
  readonly sender: Pick<BatchSender<unknown>, 'name' | 'sent' | 'dropped' | 'failures' | 'waiting' | 'close'>;
  spans?(spans: readonly SpanRecord[]): void;
  lines?(lines: readonly LogLine[]): void;
  /** Reads all metrics, and sends them. */
  read?(): Promise<void>;
  stop?(): void;
}

/** Sends on what the threads tell of traffic: to each place by its own queue, so that one that hangs is nobody's affair but its own. */
export class TelemetryHub {
  readonly #parts: TelemetryHubParts;
  readonly #upstream = createUpstream({ clock: systemClock });
  #outlets: readonly Outlet[] = [];
  #gather: () => Promise<readonly MetricsDump[]> = async () => [];

  constructor(parts: TelemetryHubParts) {
    this.#parts = parts;
  }

  /** Who knows what all threads have counted. */
  readBy(gather: () => Promise<readonly MetricsDump[]>): void {
    this.#gather = gather;
  }

  /** Those that are as they were go on, with what waits for them. */
  follow({ otlp, resource }: TelemetryRules): void {
    const before = this.#outlets;
    const known = (key: string, make: () => Outlet) => before.find((each) => each.key === key) ?? make();
    const teller = { resource, version: this.#parts.version };
    this.#outlets = otlp.map((to) => {
      const key = JSON.stringify([to, resource]);
      return known(key, () => this.#otlpOutlet(key, to, teller));
    });
    for (const outlet of before) if (!this.#outlets.includes(outlet)) void close(outlet);
  }

  hear({ spans, lines }: Report): void {
    for (const outlet of this.#outlets) {
      if (spans.length > 0) outlet.spans?.(spans);
      if (lines.length > 0) outlet.lines?.(lines);
    }
  }

  /** What was counted since the last reading is told while there are threads to ask. */
  async readMetrics(): Promise<void> {
    await Promise.all(this.#outlets.map((outlet) => outlet.read?.()));
  }

  metrics(): MetricJson[] {
    if (this.#outlets.length === 0) return [];
    const family = (
      head: Pick<MetricJson, 'name' | 'help' | 'type'>,
      valueOf: (sender: Outlet['sender']) => number,
    ): MetricJson => ({
      ...head,
      aggregator: 'sum',
      values: this.#outlets.map(({ sender }) => ({
        labels: { sink: sender.name },
        value: valueOf(sender),
      })),
    });
    const counter = (name: string, help: string) => ({ name, help, type: 'counter' as const });
    return [
      family(
        counter('sluice_export_sent_total', 'Spans, lines and readings that a sink has taken.'),
        (s) => s.sent,
      ),
      family(
        counter(
          'sluice_export_dropped_total',
          'Those that a sink missed: there was no room, it refused, or was away.',
        ),
        (s) => s.dropped,
      ),
      family(counter('sluice_export_failures_total', 'Tries that a sink did not take.'), (s) => s.failures),
      family(
        { name: 'sluice_export_waiting', help: 'Those that wait for a sink.', type: 'gauge' },
        (s) => s.waiting,
      ),
    ];
  }

  async close(): Promise<void> {
    const outlets = this.#outlets;
    this.#outlets = [];
    await Promise.all(outlets.map(close));
    this.#upstream.close();
  }

  #otlpOutlet(key: string, to: OtlpDestination, teller: Teller): Outlet {
    const name = `otlp/${to.signal}`;
    const common = { name, weigh: () => 1, everyMs: to.everyMs };
    const { startedAtMs } = this.#parts;
    if (to.signal === 'traces') {
      const send = (spans: readonly SpanRecord[]) => this.#post(to, tracesOf(spans, teller));
      const sender = new BatchSender({ ...common, room: to.queue, batch: spansInBatch, send });
      return { key, sender, spans: (spans) => addAll(sender, spans) };
    }
    if (to.signal === 'logs') {
      const send = (lines: readonly LogLine[]) => this.#post(to, logsOf(lines, teller, Date.now()));
      const sender = new BatchSender({ ...common, room: to.queue, batch: linesInBatch, send });
      return { key, sender, lines: (lines) => addAll(sender, lines) };
    }
    const send = ([reading]: readonly MessageJson[]) => this.#post(to, reading!);
    // A later reading says all that an earlier one did.
    const sender = new BatchSender({ ...common, everyMs: 0, room: 2, batch: 1, send });
    const read = async () =>
      sender.add(metricsOf({ dumps: await this.#gather(), startedAtMs, nowMs: Date.now() }, teller));
    const timer = setInterval(() => void read(), to.everyMs).unref();
    return { key, sender, read, stop: () => clearInterval(timer) };
  }

  async #post(to: OtlpDestination, json: MessageJson): Promise<Sent> {
    const { contentType, body } = encodeRequest(json, to);
    const encoding = to.gzip ? ['content-encoding', 'gzip'] : [];
    const reply = await postTo(this.#upstream, {
      url: to.url,
      tls: to.tls,
      headers: ['content-type', contentType, ...encoding, ...to.headers],
      body: to.gzip ? await pack(body) : body,
      timeoutMs: to.timeoutMs,
    });
    if (reply.fault !== null || retryable.has(reply.status))
      return { result: 'again', afterMs: reply.retryAfterMs };
    if (reply.status < 200 || reply.status >= 300) return { result: 'refused' };
    return { result: 'taken', rejected: rejectedIn(reply.body, to.encoding) };
  }
}

function addAll<T>(sender: BatchSender<T>, items: readonly T[]): void {
  for (const item of items) sender.add(item);
}

async function close(outlet: Outlet): Promise<void> {
  outlet.stop?.();
  await outlet.sender.close();
}
