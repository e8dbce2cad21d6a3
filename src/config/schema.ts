import Type, { type Static, type TSchema } from 'typebox';
import { PriceSchema } from './price-schema.ts';
import { webSocketSchema } from './schema-websocket.ts';

/**
 * The one description of sluice.yaml: its types, its validation and its published JSON Schema all come from here.
 */

const strict = { additionalProperties: false } as const;
const namePattern = '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$';
const nameTitle = 'a name of letters, digits, ".", "_" and "-"';
const name = (description: string) => Type.String({ pattern: namePattern, title: nameTitle, description });
/** Entries by their names. A title is what a message says was expected; x-keys, what it calls the names. */
const named = <S extends TSchema>(schema: S, description: string) =>
  Type.Record(Type.String({ pattern: namePattern }), schema, { ...strict, 'x-keys': nameTitle, description });
/** Write-only: never shown, in no message and by no API. */
const secret = (title: string, description: string) =>
  Type.String({ minLength: 1, writeOnly: true, title, description });

const Duration = Type.Union(
  [Type.String({ pattern: '^\\d{1,9}(ms|s|min|h|d)$' }), Type.Integer({ minimum: 0 })],
  {
    title: 'a duration such as "30s", "500ms" or "5min"',
    description: 'A span of time: "500ms", "30s", "5min", "1h", "7d"; a bare number is milliseconds.',
  },
);
const Size = Type.Union(
  [Type.String({ pattern: '^\\d{1,6}(B|KiB|MiB|GiB)$' }), Type.Integer({ minimum: 0 })],
  {
    title: 'a size such as "32MiB" or "64KiB"',
    description: 'A size: "64KiB", "32MiB", "1GiB"; a bare number is bytes.',
  },
);
const HttpUrl = Type.String({
  pattern: '^https?://[^\\s/?#@]+(/[^\\s?#]*)?$',
  title: 'an http or https URL without credentials and query',
  description: 'An absolute http or https URL without query.',
});
const Headers = Type.Record(
  Type.String({ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$" }),
  Type.String({
    pattern: '^[\\t\\x20-\\x7e\\x80-\\xff]*$',
    writeOnly: true,
    title: 'a header value on one line',
  }),
  { ...strict, 'x-keys': 'a header name', description: 'Header names and values.' },
);

const TimeoutsSchema = Type.Object(
  {
    connect: Type.Optional(Duration),
    header: Type.Optional(Duration),
    idle: Type.Optional(Duration),
    total: Type.Optional(Duration),
  },
  {
    ...strict,
    description:
      'connect: until a connection stands (5s). header: from the end of the request to the status line (300s for models, 60s else). idle: between two reads (120s). total: of the whole attempt (0, unlimited).',
  },
);

const ProviderSchema = Type.Object(
  {
    kind: Type.Optional(name("Record of the catalogue to take the defaults from (the provider's own name).")),
    dialect: Type.Optional(name('Wire format it speaks.')),
    baseUrl: Type.Optional(Type.Union([HttpUrl, Type.String({ pattern: '^builtin:[a-z]+$' })])),
    apiKey: Type.Optional(secret('a key', 'Its key. Write ${env:NAME} or ${file:path}, not the key itself.')),
    models: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        description: "Model names to list, in the provider's words.",
      }),
    ),
    prefixes: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        description: "Bare model names that begin so are this provider's.",
      }),
    ),
    headers: Type.Optional(Headers),
    timeouts: Type.Optional(TimeoutsSchema),
    proxy: Type.Optional(
      Type.String({
        pattern: '^http://[^\\s/?#]+/?$',
        writeOnly: true,
        title: 'an http URL of a proxy',
        description: 'Proxy to reach it through, by CONNECT.',
      }),
    ),
    tls: Type.Optional(
      Type.Object(
        {
          ca: Type.Optional(Type.String()),
          cert: Type.Optional(Type.String()),
          key: Type.Optional(secret('a PEM text', 'Private key of the certificate.')),
        },
        {
          ...strict,
          description: 'PEM texts: extra authorities, and a certificate to show. Write ${file:path}.',
        },
      ),
    ),
    maxTokensField: Type.Optional(
      Type.String({
        description: "Name of the field that caps output tokens, where it is not the dialect's.",
      }),
    ),
    asksUsage: Type.Optional(
      Type.Boolean({
        description: 'Ask for usage on streams (true). False for servers that refuse the field.',
      }),
    ),
    defaultMaxOutputTokens: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'Cap put on calls that must have one and came without (4096).',
      }),
    ),
  },
  { ...strict, description: 'An address that speaks a dialect.' },
);

const ModelSchema = Type.Object(
  {
    targets: Type.Array(Type.String({ pattern: '^[^/\\s]+/\\S+$', title: 'provider/model' }), {
      minItems: 1,
      description: 'provider/model, in the order they are tried.',
    }),
    strategy: Type.Optional(
      Type.Literal('fallback', { description: 'The next target takes over while nothing was delivered.' }),
    ),
  },
  { ...strict, description: 'A model name for clients, and the targets that answer it.' },
);

const Match = Type.Object(
  {
    host: Type.Optional(
      Type.String({ description: 'api.example.com, or *.example.com for all names below it.' }),
    ),
    path: Type.String({
      pattern: '^/',
      title: 'a path that begins with "/"',
      description: '/a/b exactly, /a/** with everything below.',
    }),
    methods: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Z]+$', title: 'a method in upper case' }), { minItems: 1 }),
    ),
  },
  { ...strict, description: 'Requests the route takes. The first route that matches is the one.' },
);

const WebSocketSchema = webSocketSchema(Duration, Size);
const relaying = {
  preserveHost: Type.Optional(Type.Boolean({ description: "Send the client's Host on (false)." })),
  upgrade: Type.Optional(Type.Boolean({ description: 'Relay WebSocket upgrades (true).' })),
  websocket: Type.Optional(WebSocketSchema),
  timeouts: Type.Optional(TimeoutsSchema),
};
const HttpTarget = Type.Object(
  {
    http: Type.Union([HttpUrl, Type.Array(HttpUrl, { minItems: 1 })], {
      description: 'Upstreams, taken in turn.',
    }),
    ...relaying,
  },
  { ...strict, title: '{ http: … }' },
);
const UpstreamRef = Type.Object(
  {
    upstream: name('A name under upstreams.'),
