import Type, { type Static } from 'typebox';
import { ClientTlsSchema, Duration, Headers, strict } from './schema-parts.ts';

const Secret = Type.String({
  pattern: '^whsec_[A-Za-z0-9+/]{32,128}={0,2}$',
  writeOnly: true,
  title: 'a secret that begins with "whsec_", of 24 bytes or more in base64',
  description: 'Write ${env:NAME} or ${file:path}.',
});

const WebhookSchema = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$',
        title: 'a name of letters, digits, ".", "_" and "-"',
        description: 'What was delivered to it is remembered under this name (a digest of the URL).',
      }),
    ),
    url: Type.String({
      pattern: '^https?://[^\\s/?#@]+(/[^\\s?#]*)?(\\?[^\\s#]*)?$',
      writeOnly: true,
      title: 'an http or https URL without credentials',
      description: 'Where the events are posted to. It may be a private address.',
    }),
    secret: Type.Union([Secret, Type.Array(Secret, { minItems: 1, maxItems: 4 })], {
      description: 'What signs them; while it is being changed, the new one and then the old.',
    }),
    types: Type.Optional(
      Type.Array(Type.String({ pattern: '^[a-z*][a-z.*]*$' }), {
        minItems: 1,
        description: 'Types of events, and * patterns: `usage`, `budget.*` (all).',
      }),
    ),
    batch: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1000,
        description: 'Up to so many events in one request, as a batch (1: each by itself).',
      }),
    ),
    headers: Type.Optional(Headers),
    timeout: Type.Optional(Duration),
    giveUp: Type.Optional(Duration),
    tls: Type.Optional(ClientTlsSchema),
  },
  {
    ...strict,
    description:
      'Posts events to a URL. timeout: for an answer (15s). giveUp: how long an event is tried before it is set aside (24h).',
  },
);

export const eventsSchema = Type.Object(
  {
    source: Type.Optional(
      Type.String({
        pattern: '^[^\\s<>"{}|\\\\^`]{1,256}$',
        title: 'a URI reference',
        description: 'Where events say they come from ("sluice").',
      }),
    ),
    webhooks: Type.Optional(Type.Array(WebhookSchema, { description: 'Who is told.' })),
  },
  { ...strict, description: 'Usage, and what else happens, told to others as CloudEvents.' },
);

export type EventSettings = Static<typeof eventsSchema>;
