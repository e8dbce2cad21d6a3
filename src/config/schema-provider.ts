import Type, { type Static } from 'typebox';
import { Percent } from './price-schema.ts';
import { UpstreamHttp2Schema } from './schema-http2.ts';
import { PaceSchema } from './schema-pace.ts';
import { ClientTlsSchema, Headers, HttpUrl, name, secret, strict, TimeoutsSchema } from './schema-parts.ts';
import { AwsSchema, GoogleSchema, OAuth2Schema } from './schema-signers.ts';

const SpeaksSchema = Type.Array(
  Type.Object({ dialect: name('Wire format.'), baseUrl: Type.Optional(HttpUrl) }, strict),
  {
    description:
      'Other wire formats it speaks, at its own address or at another: clients of these are served without translation.',
  },
);

export const ProviderSchema = Type.Object(
  {
    kind: Type.Optional(name("Record of the catalogue to take the defaults from (the provider's own name).")),
    dialect: Type.Optional(name('Wire format it speaks.')),
    speaks: Type.Optional(SpeaksSchema),
    baseUrl: Type.Optional(Type.Union([HttpUrl, Type.String({ pattern: '^builtin:[a-z]+$' })])),
    apiKey: Type.Optional(
      Type.Union(
        [
          secret('a key', 'Its key. Write ${env:NAME} or ${file:path}, not the key itself.'),
          Type.Array(secret('a key', 'Its keys, while they are exchanged: the next where it refuses one.'), {
            minItems: 1,
            maxItems: 4,
          }),
        ],
        { title: 'a key, or a list of keys' },
      ),
    ),
    aws: Type.Optional(AwsSchema),
    google: Type.Optional(GoogleSchema),
    oauth2: Type.Optional(OAuth2Schema),
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
    http2: Type.Optional(UpstreamHttp2Schema),
    timeouts: Type.Optional(TimeoutsSchema),
    proxy: Type.Optional(
      Type.String({
        pattern: '^http://[^\\s/?#]+/?$',
        writeOnly: true,
        title: 'an http URL of a proxy',
        description: 'Proxy to reach it through, by CONNECT.',
      }),
    ),
    tls: Type.Optional(ClientTlsSchema),
    maxTokensField: Type.Optional(
      Type.String({
        description: "Name of the field that caps output tokens, where it is not the dialect's.",
      }),
    ),
    costTolerance: Type.Optional(Percent),
    pace: Type.Optional(PaceSchema),
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

export type ProviderSettings = Static<typeof ProviderSchema>;
