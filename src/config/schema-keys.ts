import Type from 'typebox';
import { strict } from './schema-parts.ts';

const groups = Type.Optional(
  Type.Array(Type.String({ minLength: 1, maxLength: 128 }), {
    description: 'Groups it is in, for access lists and rules (none).',
  }),
);
const models = Type.Optional(
  Type.Array(Type.String(), { description: 'Names and * patterns of models it may use (all).' }),
);
const priority = Type.Optional(
  Type.Integer({
    minimum: 1,
    maximum: 9,
    description:
      'The highest priority that its calls may ask for in a queue, by the header that the policy queue names (none: that of the route).',
  }),
);

const secret = (title: string, description: string) =>
  Type.String({ minLength: 1, writeOnly: true, title, description });

const BasicSchema = Type.Object(
  {
    user: Type.Optional(
      Type.String({
        pattern: '^[^:\\x00-\\x1f\\x7f]{1,256}$',
        title: 'a user name without ":"',
        description: "User name (the consumer's own name).",
      }),
    ),
    password: Type.Optional(secret('a password', 'Write ${env:NAME} or ${file:path}.')),
    passwordHash: Type.Optional(
      secret(
        'a hash in PHC form, such as "$scrypt$ln=15,r=8,p=1$SALT$HASH"',
        'Hash of the password by scrypt or argon2, in place of it.',
      ),
    ),
  },
  { ...strict, description: 'User name and password, for the policy basic-auth.' },
);

const SigningKeySchema = Type.Object(
  {
    id: Type.String({
      pattern: '^[\\x20-\\x7e]{1,128}$',
      title: 'a name of printable ASCII',
      description: 'What signatures name the key by (keyid).',
    }),
    secret: Type.String({
      minLength: 16,
      writeOnly: true,
      title: 'a secret of at least sixteen characters',
      description: 'Text, or "base64:" and bytes in base64. Write ${env:NAME} or ${file:path}.',
    }),
  },
  strict,
);

const CertificateSchema = Type.Object(
  {
    sha256: Type.Optional(
      Type.String({
        pattern: '^[0-9A-Fa-f]{2}(?::?[0-9A-Fa-f]{2}){31}$',
        title: '64 hexadecimal digits',
        description: 'SHA-256 of the certificate (DER).',
      }),
    ),
    subject: Type.Optional(
      Type.String({ minLength: 1, description: 'Its whole subject, such as "C=DE,O=Acme,CN=robot".' }),
    ),
    san: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z ]+:.+$',
        title: 'a kind and a name, such as "DNS:robot.acme.test"',
        description: 'One of its alternative names.',
      }),
    ),
  },
  { ...strict, description: 'Either sha256, or subject, or san.' },
);

/** Of one consumer. */
export const consumerFields = {
  project: Type.String({ description: 'The project that its calls belong to.' }),
  groups,
  models,
  priority,
  basic: Type.Optional(BasicSchema),
  hmac: Type.Optional(
    Type.Array(SigningKeySchema, { description: 'Keys that it signs with, for the policy hmac-auth.' }),
  ),
  certificates: Type.Optional(
    Type.Array(CertificateSchema, {
      description: 'Certificates that it shows under TLS, for the policy mtls-auth.',
    }),
  ),
};

/** Of one key. */
export const keyFields = {
  project: Type.Optional(Type.String({ description: 'The project that its calls belong to.' })),
  consumer: Type.Optional(
    Type.String({
      description: 'A name under consumers, in place of `project`: the key is one of its credentials.',
    }),
  ),
  groups,
  secret: Type.Optional(
    Type.String({
      minLength: 8,
      writeOnly: true,
      title: 'a secret of at least eight characters',
      description: 'Write ${env:NAME} or ${file:path}.',
    }),
  ),
  sha256: Type.Optional(
    Type.String({
      pattern: '^[0-9a-f]{64}$',
      title: '64 lower-case hexadecimal digits',
      description: 'SHA-256 of the secret, in place of it.',
    }),
  ),
  expires: Type.Optional(Type.String({ description: 'RFC 3339 time.' })),
  models,
  priority,
};
