/**
 * The messages of OTLP that are sent, as their numbers on the wire: protocol buffers in their JSON form name the same fields.
 * https://github.com/open-telemetry/opentelemetry-proto/tree/v1.5.0/opentelemetry/proto
 */
export type FieldKind =
  | 'string'
  /** Bytes, in JSON as hex digits (OTLP's own departure from the mapping of protocol buffers). */
  | 'hex'
  | 'bool'
  /** An int64, in JSON a text of digits. */
  | 'int64'
  /** A small number: uint32, int32 or an enumeration. */
  | 'uint32'
  | 'fixed32'
  /** In JSON a text of digits. */
  | 'fixed64'
  | 'double'
  | Message;

export interface Field {
  readonly number: number;
  readonly kind: FieldKind;
  readonly repeated?: true;
}

export interface Message {
  readonly fields: Readonly<Record<string, Field>>;
}

const one = (number: number, kind: FieldKind): Field => ({ number, kind });
const many = (number: number, kind: FieldKind): Field => ({ number, kind, repeated: true });
const message = (fields: Readonly<Record<string, Field>>): Message => ({ fields });

const scalar = {
  stringValue: one(1, 'string'),
  boolValue: one(2, 'bool'),
  intValue: one(3, 'int64'),
  doubleValue: one(4, 'double'),
};
// Lists hold texts only: they need not hold lists.
const anyValue = message({
  ...scalar,
  arrayValue: one(5, message({ values: many(1, message(scalar)) })),
});
const keyValue = message({ key: one(1, 'string'), value: one(2, anyValue) });
const resource = message({ attributes: many(1, keyValue) });
const scope = message({ name: one(1, 'string'), version: one(2, 'string') });

const span = message({
  traceId: one(1, 'hex'),
  spanId: one(2, 'hex'),
  traceState: one(3, 'string'),
  parentSpanId: one(4, 'hex'),
  name: one(5, 'string'),
  kind: one(6, 'uint32'),
  startTimeUnixNano: one(7, 'fixed64'),
  endTimeUnixNano: one(8, 'fixed64'),
  attributes: many(9, keyValue),
  status: one(15, message({ message: one(2, 'string'), code: one(3, 'uint32') })),
  flags: one(16, 'fixed32'),
});

const exemplar = message({
  timeUnixNano: one(2, 'fixed64'),
  asDouble: one(3, 'double'),
  traceId: one(5, 'hex'),
});
const numberPoint = message({
  startTimeUnixNano: one(2, 'fixed64'),
  timeUnixNano: one(3, 'fixed64'),
  asDouble: one(4, 'double'),
  attributes: many(7, keyValue),
});
const histogramPoint = message({
  startTimeUnixNano: one(2, 'fixed64'),
  timeUnixNano: one(3, 'fixed64'),
  count: one(4, 'fixed64'),
  sum: one(5, 'double'),
  bucketCounts: many(6, 'fixed64'),
  explicitBounds: many(7, 'double'),
  exemplars: many(8, exemplar),
  attributes: many(9, keyValue),
});
const metric = message({
  name: one(1, 'string'),
  description: one(2, 'string'),
  unit: one(3, 'string'),
  gauge: one(5, message({ dataPoints: many(1, numberPoint) })),
  sum: one(
    7,
    message({
      dataPoints: many(1, numberPoint),
      aggregationTemporality: one(2, 'uint32'),
      isMonotonic: one(3, 'bool'),
    }),
  ),
  histogram: one(
    9,
    message({ dataPoints: many(1, histogramPoint), aggregationTemporality: one(2, 'uint32') }),
  ),
});

const logRecord = message({
  timeUnixNano: one(1, 'fixed64'),
  severityNumber: one(2, 'uint32'),
  severityText: one(3, 'string'),
  body: one(5, anyValue),
  attributes: many(6, keyValue),
  traceId: one(9, 'hex'),
  observedTimeUnixNano: one(11, 'fixed64'),
  eventName: one(12, 'string'),
});

const request = (all: string, each: string, content: Record<string, Field>): Message =>
  message({
    [all]: many(
      1,
      message({ resource: one(1, resource), [each]: many(2, message({ scope: one(1, scope), ...content })) }),
    ),
  });

/** What is posted for each signal. */
export const exportRequests = {
  traces: request('resourceSpans', 'scopeSpans', { spans: many(2, span) }),
  metrics: request('resourceMetrics', 'scopeMetrics', { metrics: many(2, metric) }),
  logs: request('resourceLogs', 'scopeLogs', { logRecords: many(2, logRecord) }),
} as const;
