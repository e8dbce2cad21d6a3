import Type, { type Static } from 'typebox';
import { Duration, HttpUrl, strict } from './schema-parts.ts';
import { AwsSchema } from './schema-signers.ts';

const text = (title: string, description: string) => Type.String({ minLength: 1, title, description });
const secret = (title: string, description: string) =>
  Type.String({ minLength: 1, writeOnly: true, title, description });
const MasterKey = Type.String({
  pattern: '^[0-9a-f]{64}$',
  writeOnly: true,
  title: '64 hexadecimal digits',
  description: 'Write ${env:NAME} or ${file:path}.',
});
const Pem = Type.String({
  minLength: 1,
  title: 'a PEM text',
  description: 'Authorities to trust. Write ${file:path}.',
});

const VaultSchema = Type.Object(
  {
    address: HttpUrl,
    namespace: Type.Optional(text('a name', 'Namespace.')),
    kv: Type.Optional(
      Type.Union([Type.Literal(1), Type.Literal(2)], {
        description: 'Version of its key-value store (2). 1 asks for paths as they are written.',
      }),
    ),
    token: Type.Optional(secret('a token', 'Write ${env:NAME} or ${file:path}.')),
    appRole: Type.Optional(
      Type.Object(
        { roleId: text('a role id', 'Role.'), secretId: secret('a secret id', 'Of the role.') },
        { ...strict, description: 'Login by an AppRole.' },
      ),
    ),
    kubernetes: Type.Optional(
      Type.Object(
        {
          role: text('a name', 'Role.'),
          mount: Type.Optional(text('a name', 'Where it is mounted (kubernetes).')),
          tokenFile: Type.Optional(text('a path', "File of the service account's token (the pod's).")),
        },
        { ...strict, description: 'Login by the service account of the pod.' },
      ),
    ),
    ca: Type.Optional(Pem),
  },
  { ...strict, description: '${vault:mount/path#field}. One of token, appRole and kubernetes.' },
);

export const secretsSchema = Type.Object(
  {
    masterKey: Type.Optional(
      Type.Union([MasterKey, Type.Array(MasterKey, { minItems: 1, maxItems: 4 })], {
        description:
          'What the keys of the state directory are encrypted under; a list has the one in use first (a file in the state directory).',
      }),
    ),
    refresh: Type.Optional(Duration),
    vault: Type.Optional(VaultSchema),
    aws: Type.Optional(
      Type.Object(
        { ...AwsSchema.properties, endpoint: Type.Optional(HttpUrl) },
        { ...strict, description: '${aws:secret-id#field}, of AWS Secrets Manager.' },
      ),
    ),
    gcp: Type.Optional(
      Type.Object(
        {
          credentials: Type.Optional(
            secret('JSON of a credential', 'As Google’s own libraries find it, when left out.'),
          ),
          endpoint: Type.Optional(HttpUrl),
        },
        { ...strict, description: '${gcp:projects/P/secrets/S/versions/latest}.' },
      ),
    ),
    kubernetes: Type.Optional(
      Type.Object(
        { server: Type.Optional(HttpUrl), tokenFile: Type.Optional(Type.String()), ca: Type.Optional(Pem) },
        { ...strict, description: '${kubernetes:namespace/secret#key} (the server and account of the pod).' },
      ),
    ),
  },
  {
    ...strict,
    description:
      'Where secrets are kept that other settings refer to. refresh: how often they are looked at anew, where no lease says (5min).',
  },
);

export type SecretsSettings = Static<typeof secretsSchema>;
