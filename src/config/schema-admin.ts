import Type from 'typebox';
import { roles } from '#core/principal.ts';
import { Duration, HttpUrl, strict } from './schema-parts.ts';

const Host = Type.String({ minLength: 1, maxLength: 253 });
const Port = Type.Integer({ minimum: 0, maximum: 65535 });

const name = (title: string) =>
  Type.String({ minLength: 1, maxLength: 256, pattern: '^[^\\s\\u0000-\\u001f\\u007f]+$', title });

const Grants = Type.Array(
  Type.Object(
    {
      role: Type.Union(roles.map((role) => Type.Literal(role))),
      team: Type.Optional(Type.String({ description: 'For this team only (everywhere).' })),
    },
    { ...strict, title: 'a role such as { role: developer, team: shop }' },
  ),
  { description: 'Roles: owner, operator, developer, auditor, billing.' },
);

const RateSchema = Type.String({
  pattern: '^[1-9][0-9]{0,6}/(s|min|h)$',
  title: 'a rate such as "600/min"',
});

const OidcSchema = Type.Object(
  {
    issuer: HttpUrl,
    clientId: Type.String({ minLength: 1, maxLength: 256 }),
    clientSecret: Type.Optional(
      Type.String({
        minLength: 1,
        writeOnly: true,
        title: 'a secret',
        description: 'Write ${env:NAME} or ${file:path}; without it the client is a public one.',
      }),
    ),
    scopes: Type.Optional(
      Type.Array(name('a scope'), { description: 'What is asked for (openid, profile, email).' }),
    ),
    userClaim: Type.Optional(
      Type.String({ minLength: 1, description: 'The claim that names somebody among users (email).' }),
    ),
    rolesClaim: Type.Optional(
      Type.String({ minLength: 1, description: 'The claim that roles are given by (groups).' }),
    ),
    roles: Type.Optional(
      Type.Record(Type.String({ pattern: '^.{1,256}$' }), Grants, {
        ...strict,
        'x-keys': 'a value of that claim',
        description: 'Roles by the values of that claim.',
      }),
    ),
    session: Type.Optional(Duration),
    publicUrl: Type.Optional(
      Type.String({
        pattern: '^https?://[^\\s/?#]+$',
        title: 'an http or https URL without a path',
        description: 'Where browsers reach the admin API, behind a proxy (where they asked).',
      }),
    ),
  },
  {
    ...strict,
    description: 'How people sign in: an OpenID provider, by the code flow with PKCE; a session lasts 8h.',
  },
);

const TlsSchema = Type.Object(
  {
    cert: Type.String({
      minLength: 1,
      title: 'a PEM text',
      description: 'The certificate and those between it and its authority, in PEM. Write ${file:path}.',
    }),
    key: Type.String({
      minLength: 1,
      writeOnly: true,
      title: 'a PEM text',
      description: 'Its private key, in PEM, without a passphrase. Write ${file:path}.',
    }),
    minVersion: Type.Optional(Type.Union([Type.Literal('TLSv1.2'), Type.Literal('TLSv1.3')])),
  },
  { ...strict, description: 'TLS on the admin port (none).' },
);

export const AdminSchema = Type.Object(
  {
    host: Type.Optional(Host),
    port: Type.Optional(Port),
    hosts: Type.Optional(
      Type.Array(Host, {
        description:
          'Names under which it may be reached, besides IP addresses, localhost and its host (none).',
      }),
    ),
    tls: Type.Optional(TlsSchema),
    users: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[^\\s\\u0000-\\u001f\\u007f]{1,256}$' }),
        Type.Object({ roles: Grants }, strict),
        {
          ...strict,
          'x-keys': 'a name without spaces, such as an address of e-mail',
          description: 'People who may use it, and their roles.',
        },
      ),
    ),
    oidc: Type.Optional(OidcSchema),
    limits: Type.Optional(
      Type.Object(
        { requests: Type.Optional(RateSchema), failures: Type.Optional(RateSchema) },
        {
          ...strict,
          description:
            'Requests of each principal, and of each address before it has said who it is (6000/min); wrong credentials of each address (30/min).',
        },
      ),
    ),
    probes: Type.Optional(
      Type.Object(
        { host: Type.Optional(Host), port: Port },
        {
          ...strict,
          description:
            'A listener that serves /healthz and /readyz without a token, and nothing else (none; host 0.0.0.0).',
        },
      ),
    ),
  },
  { ...strict, description: 'The admin port (127.0.0.1:9080).' },
);
