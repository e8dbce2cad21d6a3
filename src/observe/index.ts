import type { Clock } from '#core/contracts/clock.ts';
import type { Observer } from '#core/contracts/observer.ts';
import type { LogStream, SamplingRules, TelemetryRules } from '#core/telemetry.ts';
import { createAccessLog } from './access-log.ts';
import { ErrorLog } from './error-log.ts';
import { ExchangeMetrics } from './exchange-metrics.ts';
import { LineSink, sendTo } from './line-sink.ts';
import { PolicyLog } from './policy-log.ts';
import { RuntimeMetrics } from './runtime-metrics.ts';
import { QueueMetrics } from './queue-metrics.ts';
import type { ReportLine } from './report-line.ts';
import { isKept } from './sampling.ts';
import { spansOf } from './spans-of.ts';
import { SocketMetrics } from './socket-metrics.ts';
import { Counter, gauge, type MetricsDump } from './series.ts';

export type { MetricsDump } from './series.ts';

export interface ObserverSettings {
  readonly accessLog: boolean;
  readonly clock: Clock;
  /** Takes access-log lines instead of standard output. */
  readonly write?: (line: string) => void;
  /** Takes error lines instead of standard error. */
  readonly writeError?: (line: string) => void;
  /** Of each listener: open connections, and how many were not served, by reason. */
  readonly doors?: () => readonly {
    readonly listener: string;
    readonly open: number;
    readonly refused: Readonly<Record<string, number>>;
  }[];
  /** Takes spans and lines for others; absent: nobody does. */
  readonly reports?: ReportLine;
  readonly connections?: () => { readonly idle: number; readonly active: number };
}

/** The observer of one worker thread: its metrics, its share of the access log, its bugs. */
export function createObserver(
  settings: ObserverSettings,
): Observer & { follow(rules: TelemetryRules): void; dump(): MetricsDump; close(): Promise<void> } {
  const metrics = new ExchangeMetrics();
  const runtime = new RuntimeMetrics();
  const bugs = new Counter('sluice_internal_errors_total', 'Bugs: something other than a fault was thrown.');
  bugs.at();
  const rules = new Counter('sluice_model_rule_failures_total', 'Rules that could not be evaluated.', [
    'model',
  ]);
  const policies = new Counter('sluice_policy_failures_total', 'Failures of policies of your own.', [
    'policy',
  ]);
  const mirrors = new Counter('sluice_mirror_total', 'Copies of requests, by what became of them.', [
    'upstream',
    'result',
  ]);
  const sinks: LineSink[] = [];
  const sink = (fd: number) => {
    const made = new LineSink(sendTo(fd));
    sinks.push(made);
    return {
      write: (line: string) => made.add(line),
      writeNow(line: string) {
        made.add(line);
        made.flush();
      },
    };
  };
  const { reports } = settings;
  let sampling: SamplingRules | null = null;
  let tellsLines = false;
  const told = (stream: LogStream, write: ((line: string) => void) | null) => (line: string) => {
    write?.(line);
    if (tellsLines) reports!.line(stream, line.slice(0, -1));
  };
  const toOutput = settings.accessLog ? (settings.write ?? sink(1).write) : null;
  const log = createAccessLog(told('access', toOutput));
  // Whatever comes next may be a crash.
  const errors = new ErrorLog(told('error', settings.writeError ?? sink(2).writeNow), settings.clock);
  const said = new PolicyLog(told('policy', settings.writeError ?? sink(2).write), settings.clock);
  const sockets = new SocketMetrics();
  const queues = new QueueMetrics();
  let openStreams = 0;
  return {
    follow(rules) {
      if (!reports) return;
      const tells = (signal: string) => rules.otlp.some((each) => each.signal === signal);
      sampling = tells('traces') ? rules.sampling : null;
      tellsLines = tells('logs');
    },
    began() {},
    streamOpened() {
      openStreams++;
    },
    streamClosed() {
      openStreams--;
    },
    paceOf: (provider, model) => metrics.paceOf(provider, model),
    socketOpened() {
      sockets.opened();
    },
    socketMessages(fromClient, fromUpstream) {
      sockets.messages(fromClient, fromUpstream);
    },
    socketClosed(code) {
      sockets.closed(code);
    },
    settled(exchange, receipt) {
      const kept = sampling === null || isKept(sampling, exchange.trace, receipt);
      if (sampling !== null && kept) reports!.spans(spansOf(exchange, receipt));
      metrics.record(kept ? receipt : { ...receipt, traceId: null });
      if (toOutput || tellsLines) log(exchange, receipt);
    },
    queued(route) {
      queues.entered(route);
    },
    unqueued(route, waitedMs, isAdmitted) {
      queues.left(route, waitedMs, isAdmitted);
    },
    mirrored(upstream, result) {
      mirrors.at(upstream, result).value++;
    },
    ruleFailed(model) {
      rules.at(model).value++;
    },
    policyFailed(policy) {
      policies.at(policy).value++;
    },
    policySaid(policy, message, fields) {
      said.record(policy, message, fields);
    },
    failed(exchange, error) {
      bugs.at().value++;
      errors.record(exchange, error);
    },
    owedFailed(owed, error) {
      bugs.at().value++;
      errors.record({ id: owed?.receipt ?? '', routeName: owed?.route ?? '', trace: null }, error);
    },
    eventFailed({ id }, error) {
      bugs.at().value++;
      errors.record({ id, routeName: '', trace: null }, error);
    },
    dump() {
      const dropped = new Counter(
        'sluice_log_dropped_total',
        'Log lines dropped because their sink did not take them.',
      );
      dropped.at().value = sinks.reduce((sum, each) => sum + each.dropped, 0);
      const connections = settings.connections?.();
      return [
        ...metrics.dump(),
        gauge({ name: 'sluice_open_streams', help: 'Streams under way.', aggregator: 'sum' }, [
          { labels: {}, value: openStreams },
        ]),
        ...doorMetrics(settings.doors?.() ?? []),
        gauge(
          { name: 'sluice_upstream_connections', help: 'Connections to upstreams.', aggregator: 'sum' },
          (['idle', 'active'] as const).map((state) => ({
            labels: { state },
            value: connections?.[state] ?? 0,
          })),
        ),
        ...sockets.dump(),
        ...queues.dump(),
        mirrors.dump(),
        rules.dump(),
        policies.dump(),
        bugs.dump(),
        dropped.dump(),
        ...(reports ? [droppedReports(reports.dropped)] : []),
        ...runtime.dump(),
      ];
    },
    async close() {
      runtime.close();
      reports?.close();
      await Promise.all(sinks.map((each) => each.close()));
    },
  };
}

const droppedReports = (value: number): MetricsDump[number] => ({
  name: 'sluice_telemetry_dropped_total',
  help: 'Spans and lines that threads dropped, since those that were told before them were not taken yet.',
  type: 'counter',
  aggregator: 'sum',
  values: [{ labels: {}, value }],
});

function doorMetrics(doors: ReturnType<NonNullable<ObserverSettings['doors']>>): MetricsDump {
  return [
    gauge(
      { name: 'sluice_client_connections', help: "Clients' open connections.", aggregator: 'sum' },
      doors.map(({ listener, open }) => ({ labels: { listener }, value: open })),
    ),
    {
      name: 'sluice_client_connections_refused_total',
      help: 'Connections that were not served.',
      type: 'counter',
      aggregator: 'sum',
      values: doors.flatMap(({ listener, refused }) =>
        Object.entries(refused).map(([reason, value]) => ({ labels: { listener, reason }, value })),
      ),
    },
  ];
}
