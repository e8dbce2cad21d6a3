import type { Attributes, AttributeValue, LogLine, SpanRecord } from '#core/telemetry.ts';
import { mergeDumps } from '../exposition.ts';
import type { MetricJson, MetricsDump } from '../series.ts';
import type { MessageJson } from './encode-protobuf.ts';

/** Who tells. */
export interface Teller {
  readonly resource: Attributes;
  /** Of the gateway. */
  readonly version: string;
}

const kinds = { internal: 1, server: 2, client: 3 } as const;
const errorCode = 2;
const cumulative = 2;
/** Whether a span's parent is elsewhere is known, and whether it is (opentelemetry/proto/trace/v1, SpanFlags). */
const parentKnown = 0x100;
const parentElsewhere = 0x300;

export function tracesOf(spans: readonly SpanRecord[], teller: Teller): MessageJson {
  return wrap('resourceSpans', 'scopeSpans', { teller, content: { spans: spans.map(spanOf) } });
}

function spanOf(span: SpanRecord): MessageJson {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    traceState: span.state ?? undefined,
    parentSpanId: span.parent ?? undefined,
    flags: span.kind === 'server' && span.parent !== null ? parentElsewhere : parentKnown,
    name: span.name,
    kind: kinds[span.kind],
    startTimeUnixNano: nano(span.startedAtMs),
    // Wall clocks may be set back.
    endTimeUnixNano: nano(Math.max(span.startedAtMs, span.endedAtMs)),
    attributes: attributesOf(span.attributes),
    status: span.error === null ? undefined : { message: span.error, code: errorCode },
  };
}

const severities = { error: [17, 'ERROR'], access: [9, 'INFO'], policy: [9, 'INFO'] } as const;
/** Of a line of a log, what stands elsewhere in its record. */
const apart: ReadonlySet<string> = new Set(['level', 'time', 'trace_id', 'message']);

/** @param nowMs For lines that do not say when they were written. */
export function logsOf(lines: readonly LogLine[], teller: Teller, nowMs: number): MessageJson {
  return wrap('resourceLogs', 'scopeLogs', {
    teller,
    content: { logRecords: lines.map((line) => logRecordOf(line, nowMs)) },
  });
}

function logRecordOf({ stream, text }: LogLine, nowMs: number): MessageJson {
  const members = JSON.parse(text) as Record<string, unknown>;
  const { time, trace_id: traceId, message } = members;
  const [severityNumber, severityText] = severities[stream];
  const atMs = typeof time === 'string' ? Date.parse(time) : nowMs;
  const rest = Object.entries(members).filter(([name]) => !apart.has(name));
  return {
    timeUnixNano: nano(atMs),
    observedTimeUnixNano: nano(nowMs),
    severityNumber,
    severityText,
    eventName: `sluice.${stream}`,
    body: valueOf(typeof message === 'string' ? message : stream),
    attributes: attributesOf(Object.fromEntries(rest.flatMap(([name, value]) => flat(name, value)))),
    traceId: typeof traceId === 'string' && /^[0-9a-f]{32}$/.test(traceId) ? traceId : undefined,
  };
}

/** Members of members by names with dots. */
function flat(name: string, value: unknown): [string, AttributeValue][] {
  if (typeof value !== 'object' || value === null) {
    if (typeof value === 'number' && !Number.isInteger(value)) return [[name, { double: value }]];
    return [[name, value as AttributeValue]];
  }
  return Object.entries(value).flatMap(([member, inner]) => flat(`${name}.${member}`, inner));
}

export interface MetricReading {
  readonly dumps: readonly MetricsDump[];
  readonly startedAtMs: number;
  readonly nowMs: number;
}

/** Everything that is counted, cumulative since the start, under the names it has in Prometheus. */
export function metricsOf(reading: MetricReading, teller: Teller): MessageJson {
  const metrics = mergeDumps(reading.dumps)
    .filter(({ samples }) => samples.size > 0)
    .map(({ head, samples }) => metricOf(head, [...samples.values()], reading));
  return wrap('resourceMetrics', 'scopeMetrics', { teller, content: { metrics } });
}

type Samples = MetricJson['values'];

function metricOf(
  head: Pick<MetricJson, 'name' | 'help' | 'type'>,
  samples: Samples,
  { startedAtMs, nowMs }: MetricReading,
): MessageJson {
  const { name, help, type } = head;
  const times = { startTimeUnixNano: nano(startedAtMs), timeUnixNano: nano(nowMs) };
  const about = { name, description: help, unit: unitOf(name) };
  if (type === 'histogram') {
    const dataPoints = histogramsIn(name, samples).map((point) => ({ ...times, ...point }));
    return { ...about, histogram: { dataPoints, aggregationTemporality: cumulative } };
  }
  const dataPoints = samples.map(({ labels, value }) => ({
    ...times,
    attributes: attributesOf(labels),
    asDouble: value,
  }));
  if (type === 'gauge') return { ...about, gauge: { dataPoints } };
  return { ...about, sum: { dataPoints, aggregationTemporality: cumulative, isMonotonic: true } };
}

/** Buckets of one series stand in a row, in the order of their bounds, before their sum and count. */
function histogramsIn(name: string, samples: Samples): MessageJson[] {
  const points: MessageJson[] = [];
  let bounds: number[] = [];
  let counts: number[] = [];
  let exemplars: MessageJson[] = [];
  let sum = 0;
  for (const { metricName, labels, value, exemplar } of samples) {
    if (metricName === `${name}_bucket`) {
      const before = counts.reduce((total, count) => total + count, 0);
      counts.push(value - before);
      if (labels['le'] !== '+Inf') bounds.push(Number(labels['le']));
      if (exemplar)
        exemplars.push({
          timeUnixNano: nano(exemplar.atMs),
          asDouble: exemplar.value,
          traceId: exemplar.traceId,
        });
    } else if (metricName === `${name}_sum`) {
      sum = value;
    } else {
      points.push({
        attributes: attributesOf(labels),
        count: String(value),
        sum,
        bucketCounts: counts.map(String),
        explicitBounds: bounds,
        exemplars,
      });
      [bounds, counts, exemplars] = [[], [], []];
    }
  }
  return points;
}

/** In the words of UCUM; empty where a name does not say. */
function unitOf(name: string): string {
  if (/_seconds(_total)?$/.test(name)) return 's';
  return /_bytes(_total)?$/.test(name) ? 'By' : '';
}

interface Wrapped {
  readonly teller: Teller;
  readonly content: MessageJson;
}

const wrap = (all: string, each: string, { teller, content }: Wrapped): MessageJson => ({
  [all]: [
    {
      resource: { attributes: attributesOf(teller.resource) },
      [each]: [{ scope: { name: 'sluice', version: teller.version }, ...content }],
    },
  ],
});

function attributesOf(attributes: Attributes): MessageJson[] {
  const list: MessageJson[] = [];
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) list.push({ key, value: valueOf(value) });
  }
  return list;
}

function valueOf(value: NonNullable<AttributeValue>): MessageJson {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number')
    return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  if ('double' in value) return { doubleValue: value.double };
  return { arrayValue: { values: value.map((each) => ({ stringValue: each })) } };
}

const nano = (ms: number): string => `${Math.round(ms)}000000`;
