import { Type, type Static } from 'typebox';
import { bearerFields, claimFields, duration, url } from '#identity/schema-issuer.ts';

const strict = { additionalProperties: false } as const;
const path = (description: string) =>
  Type.String({
    pattern: '^/(?![/\\\\])[A-Za-z0-9._~/-]*$',
    title: 'a path such as "/oidc/callback"',
    description,
  });
const secret = (title: string, description: string) =>
  Type.String({ minLength: 1, writeOnly: true, title, description });

const BearerSchema = Type.Object(
  {
    ...claimFields,
    verify: Type.Optional(
      Type.Union([Type.Literal('jwt'), Type.Literal('introspection')], {
        description:
          "jwt: by the issuer's keys. introspection: the issuer is asked about each token (RFC 7662) (jwt).",
      }),
    ),
    cache: Type.Optional(
      duration(
        'Introspection: for how long an answer holds, up to 10min: a token that was revoked is taken for so long (30s).',
      ),
    ),
  },
  { ...strict, description: 'Takes bearer tokens of programs, too, and what these must say.' },
);

/** What `oidc` takes in a configuration. */
export const OidcSchema = Type.Object(
  {
    issuer: url('The OpenID provider, to the letter of its own metadata.'),
    discovery: Type.Optional(
      url("Where its metadata is (the issuer's URL with /.well-known/openid-configuration after it)."),
    ),
    clientId: Type.String({ minLength: 1, description: 'What the provider knows this gateway as.' }),
    clientSecret: Type.Optional(secret('a client secret', 'Its secret. Write ${env:NAME}.')),
    clientAuth: Type.Optional(
      Type.Union(
        [Type.Literal('basic'), Type.Literal('post'), Type.Literal('private_key_jwt'), Type.Literal('none')],
        {
          description:
            'How the gateway proves who it is: the secret in a header (basic) or the body (post), a key (private_key_jwt), or not at all (basic with a secret, private_key_jwt with a key, else none).',
        },
      ),
    ),
    privateKey: Type.Optional(
      secret('a private key', 'Key that it proves itself with, PKCS #8 in PEM. Write ${file:path}.'),
    ),
    keyId: Type.Optional(Type.String({ minLength: 1, description: "The key's name at the provider." })),
    keyAlgorithm: Type.Optional(
      Type.String({
        pattern: '^(?:[RPE]S(?:256|384|512)|EdDSA|Ed25519)$',
        description: 'Of the key (RS256).',
      }),
    ),
    scopes: Type.Optional(
      Type.Array(Type.String({ pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]+$' }), {
        minItems: 1,
        description: 'What is asked for at login; openid is always among them (openid).',
      }),
    ),
    idTokenAlgorithm: Type.Optional(
      Type.String({
        pattern: '^(?:[RPE]S(?:256|384|512)|EdDSA|Ed25519)$',
        description: 'What the provider signs ID tokens with (RS256).',
      }),
    ),
    userinfo: Type.Optional(
      Type.Boolean({ description: "Ask for the provider's claims about the user at login, too (false)." }),
    ),
    url: Type.Optional(
      Type.String({
        pattern: '^https?://[^/\\s?#@]+$',
        title: 'an http or https URL without a path',
        description:
          'What browsers know this gateway as, such as https://app.example.com (what they ask for).',
      }),
    ),
    callback: Type.Optional(
      path("Where the provider sends browsers back to; the policy's route must take it (/oidc/callback)."),
    ),
    logout: Type.Optional(path('What ends a session (/oidc/logout).')),
    afterLogout: Type.Optional(path('Where browsers end up then (/).')),
    secret: Type.Union(
      [
        Type.String({ minLength: 32, writeOnly: true }),
        Type.Array(Type.String({ minLength: 32, writeOnly: true }), { minItems: 1, maxItems: 4 }),
      ],
      {
        title: 'a secret of at least 32 characters',
        description:
          'What sessions are encrypted with, the same on all nodes. The first of a list encrypts, all of them decrypt. Write ${env:NAME}.',
      },
    ),
    cookie: Type.Optional(
      Type.String({
        pattern: "^[A-Za-z0-9!#$%&'*+^_`|~-]{1,64}$",
        description: 'Name of the cookie that holds the session (sluice_session).',
      }),
    ),
    lifetime: Type.Optional(
      duration('After this a session ends, whatever was refreshed: from 1min to 30d (8h).'),
    ),
    bearer: Type.Optional(BearerSchema),
    optional: Type.Optional(
      Type.Boolean({
        description:
          'Let calls without session and token pass, as nobody. Wrong ones are refused all the same (false).',
      }),
    ),
    timeout: Type.Optional(duration('In which the provider must have answered (5s).')),
    ca: Type.Optional(
      Type.String({
        minLength: 1,
        description: "Authorities to trust beside the system's, as PEM. Write ${file:path}.",
      }),
    ),
    ...bearerFields,
  },
  {
    ...strict,
    description:
      'Sends browsers to an OpenID provider to log in, and keeps their session in an encrypted cookie; takes bearer tokens of programs.',
  },
);

export type OidcSettings = Static<typeof OidcSchema>;
