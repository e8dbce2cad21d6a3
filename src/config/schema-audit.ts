import Type, { type Static } from 'typebox';
import { Duration, Headers, Size, strict } from './schema-parts.ts';

const SinkSchema = Type.Object(
  {
    name: Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
      title: 'a name of letters, digits, ".", "_" and "-"',
      description: 'What metrics call it, and what is remembered of how far it is.',
    }),
    url: Type.String({
      pattern: '^https?://[^\\s/?#@]+(/[^\\s?#]*)?(\\?[^\\s#]*)?$',
      writeOnly: true,
      title: 'an http or https URL without credentials',
      description: 'Where records are posted to, one JSON line each (application/x-ndjson).',
    }),
    headers: Type.Optional(Headers),
    maxBehind: Type.Optional(Size),
    timeout: Type.Optional(Duration),
  },
  {
    ...strict,
    description:
      'Another place that gets every record. maxBehind: so much of the log may wait for it (64MiB), what is older is skipped and counted. timeout: for an answer (15s).',
  },
);

export const auditSchema = Type.Object(
  {
    keep: Type.Optional(Duration),
    maxSize: Type.Optional(Size),
    segment: Type.Optional(Size),
    sinks: Type.Optional(Type.Array(SinkSchema, { maxItems: 8 })),
  },
  {
    ...strict,
    description:
      'The log of changes, and of exchanges where a policy says so. keep: whole segments older than this go (0, none). maxSize: the oldest go while all are larger (0, unlimited). segment: size of one (16MiB).',
  },
);

export type AuditSettings = Static<typeof auditSchema>;
