import Type, { type Static } from 'typebox';
import { ClientTlsSchema, Duration, Headers, strict } from './schema-parts.ts';

const OtlpUrl = Type.String({
  pattern: '^https?://[^\\s/?#@]+(/[^\\s?#]*)?(\\?[^\\s#]*)?$',
  writeOnly: true,
  title: 'an http or https URL without credentials',
  description: 'Of the receiver; the path of each signal (/v1/traces and so on) is added.',
});

const ownUrl = Type.Optional(
  Type.String({ ...OtlpUrl, description: 'Of this signal, as it stands, with its path.' }),
);
const ownHeaders = Type.Optional(Headers);

const OtlpSchema = Type.Object(
  {
    url: Type.Optional(OtlpUrl),
    encoding: Type.Optional(
      Type.Union([Type.Literal('protobuf'), Type.Literal('json')], {
        description: 'Of what is sent (protobuf).',
      }),
    ),
    compression: Type.Optional(
      Type.Union([Type.Literal('gzip'), Type.Literal('none')], { description: 'Of what is sent (none).' }),
    ),
    headers: ownHeaders,
    tls: Type.Optional(ClientTlsSchema),
    timeout: Type.Optional(Duration),
    queue: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000_000,
        description: 'So many spans, and lines, wait at most; what is more is dropped and counted (8192).',
      }),
    ),
  },
  {
    ...strict,
    description:
      'Who is told, by OTLP over HTTP. timeout: for an answer (10s). What is not said here the environment may say (OTEL_EXPORTER_OTLP_…).',
  },
);

const off = Type.Literal(false);
const TracesSchema = Type.Object(
  {
    ratio: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1,
        description: 'Share of those kept that neither failed nor were slow (1).',
      }),
    ),
    slow: Type.Optional(Duration),
    followParent: Type.Optional(
      Type.Boolean({ description: 'Where the caller says whether it keeps the trace, do the same (true).' }),
    ),
    url: ownUrl,
    headers: ownHeaders,
  },
  { ...strict, title: 'false, or a mapping' },
);
const MetricsSchema = Type.Object(
  { every: Type.Optional(Duration), url: ownUrl, headers: ownHeaders },
  { ...strict, title: 'false, or a mapping' },
);
const LogsSchema = Type.Object(
  { url: ownUrl, headers: ownHeaders },
  { ...strict, title: 'false, or a mapping' },
);

export const telemetrySchema = Type.Object(
  {
    service: Type.Optional(
      Type.String({ minLength: 1, maxLength: 128, description: 'What the gateway is called (sluice).' }),
    ),
    resource: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z0-9._-]{1,128}$' }), Type.String(), {
        ...strict,
        'x-keys': 'a name of letters, digits, ".", "_" and "-"',
        description: 'What else is said of it, such as deployment.environment.name.',
      }),
    ),
    otlp: Type.Optional(OtlpSchema),
    traces: Type.Optional(
      Type.Union([off, TracesSchema], {
        title: 'false, or a mapping',
        description:
          'Spans of exchanges. What failed and what was slow (slow: 30s) is kept, and ratio of the rest. false: none.',
      }),
    ),
    metrics: Type.Optional(
      Type.Union([off, MetricsSchema], {
        title: 'false, or a mapping',
        description: 'Everything that /metrics shows, every 60s. false: none.',
      }),
    ),
    logs: Type.Optional(
      Type.Union([off, LogsSchema], {
        title: 'false, or a mapping',
        description: 'Lines of the access log, of the error log and of policies. false: none.',
      }),
    ),
  },
  {
    ...strict,
    description: 'Traces, metrics and logs for others. Nothing is sent where no receiver is named.',
  },
);

export type TelemetrySettings = Static<typeof telemetrySchema>;
