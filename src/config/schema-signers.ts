import Type, { type Static } from 'typebox';
import { strict } from './schema-parts.ts';

/** What proves to a provider who calls, where a key in a header does not. */

const secret = (title: string, description: string) =>
  Type.String({ minLength: 1, writeOnly: true, title, description });
/** It becomes a part of a host's name. */
const place = (title: string, description: string) =>
  Type.String({ pattern: '^[a-z0-9]+(?:-[a-z0-9]+)*$', title, description });

export const AwsSchema = Type.Object(
  {
    region: place('a region such as "us-east-1"', 'Region that is called, and signed for.'),
    accessKeyId: Type.Optional(
      Type.String({ pattern: '^\\w+$', title: 'an access key id', description: 'Id of the access key.' }),
    ),
    secretAccessKey: Type.Optional(secret('a secret access key', 'Its secret. Write ${env:NAME}.')),
    sessionToken: Type.Optional(secret('a session token', 'Of credentials that expire.')),
    profile: Type.Optional(
      Type.String({
        pattern: '^[^\\s\\]]+$',
        title: 'a name of a profile',
        description: "Profile in AWS's shared files.",
      }),
    ),
  },
  {
    ...strict,
    description:
      "Requests are signed (SigV4). Without keys and profile the credentials come from where AWS's own SDKs look for them.",
  },
);

export const GoogleSchema = Type.Object(
  {
    credentials: Type.Optional(
      secret(
        'the JSON of a credential',
        'Of a service account, or of a user. Write ${file:path}. Without it: as Google Cloud’s libraries look for it.',
      ),
    ),
    project: Type.Optional(
      Type.String({
        pattern: '^[a-z0-9][a-z0-9.:-]*$',
        title: 'the id of a project',
        description: "Project that is called and billed (the service account's).",
      }),
    ),
    location: Type.Optional(
      place('a location such as "global" or "europe-west4"', 'Location that is called (global).'),
    ),
  },
  { ...strict, description: 'Access tokens of Google Cloud (OAuth 2.0).' },
);

export const OAuth2Schema = Type.Object(
  {
    tokenUrl: Type.String({
      pattern: '^https?://[^\\s#@]+$',
      title: 'an http or https URL',
      description: 'Where tokens are given out (the token endpoint).',
    }),
    clientId: Type.String({ minLength: 1, description: 'What the server knows this gateway as.' }),
    clientSecret: Type.Optional(secret('a client secret', 'Its secret. Write ${env:NAME}.')),
    privateKey: Type.Optional(
      secret('a private key', 'In place of the secret: a key, PKCS #8 in PEM. Write ${file:path}.'),
    ),
    keyId: Type.Optional(Type.String({ minLength: 1, description: "The key's name at the server." })),
    keyAlgorithm: Type.Optional(
      Type.String({
        pattern: '^(?:[RPE]S(?:256|384|512)|EdDSA|Ed25519)$',
        title: 'an algorithm such as "RS256" or "ES256"',
        description: 'What it signs with (RS256).',
      }),
    ),
    auth: Type.Optional(
      Type.Union([Type.Literal('basic'), Type.Literal('post'), Type.Literal('private_key_jwt')], {
        description:
          'How the gateway proves who it is: the secret in a header (basic) or in the body (post), or the key (private_key_jwt) (basic; with a key private_key_jwt).',
      }),
    ),
    scope: Type.Optional(
      Type.String({ minLength: 1, description: 'What is asked for (nothing in particular).' }),
    ),
    audience: Type.Optional(
      Type.String({ minLength: 1, description: 'Whom tokens are to be for, where the server asks.' }),
    ),
    resource: Type.Optional(Type.String({ minLength: 1, description: 'The same as RFC 8707 has it.' })),
  },
  {
    ...strict,
    description: 'Access tokens by client credentials (OAuth 2.0), fetched and renewed by the gateway.',
  },
);

export type AwsSettings = Static<typeof AwsSchema>;
export type GoogleSettings = Static<typeof GoogleSchema>;
export type OAuth2Settings = Static<typeof OAuth2Schema>;
