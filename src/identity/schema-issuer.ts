import { Type, type Static } from 'typebox';

/** Whose tokens are believed, and whom they stand for: what policies that take tokens have in common. */

const strict = { additionalProperties: false } as const;
export const duration = (description: string) =>
  Type.Union([Type.String({ pattern: '^\\d{1,9}(ms|s|min|h|d)$' }), Type.Integer({ minimum: 0 })], {
    title: 'a duration such as "30s"',
    description,
  });
export const url = (description: string) =>
  Type.String({ pattern: '^https?://[^\\s#]+$', title: 'an http or https URL', description });
export const texts = (description: string) =>
  Type.Union([Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })], {
    description,
  });
const claim = Type.Object(
  {
    claim: Type.String({
      minLength: 1,
      description: 'Name of a claim; names of nested objects joined by dots.',
    }),
  },
  { ...strict, title: '{ claim: NAME }' },
);
const listOrClaim = (description: string) =>
  Type.Union([Type.Array(Type.String({ minLength: 1 })), claim], { description });

/** Whom a token stands for: exactly one of `consumer` and `project`. */
export const bearerFields = {
  consumer: Type.Optional(
    Type.Union([Type.String({ minLength: 1 }), claim], {
      description:
        'A name under consumers, or the claim that says one. All else about the caller is said there.',
    }),
  ),
  project: Type.Optional(
    Type.Union([Type.String({ minLength: 1 }), claim], {
      description:
        'In place of `consumer`: a name under projects, or the claim that says one. A project that is not configured is refused.',
    }),
  ),
  subject: Type.Optional(
    Type.String({
      minLength: 1,
      description: 'The claim that says who it is, for limits by key and receipts (sub).',
    }),
  ),
  name: Type.Optional(
    Type.String({ minLength: 1, description: 'The claim that says what people call it (the subject).' }),
  ),
  groups: Type.Optional(listOrClaim('Groups the caller is in, or the claim that lists them (none).')),
  models: Type.Optional(
    listOrClaim(
      'Names and * patterns of models it may use, or the claim that lists them (all that its project may).',
    ),
  ),
};

/** What a token must say. */
export const claimFields = {
  audience: Type.Union([texts('Whom tokens must be for, one of these (aud).'), Type.Literal(false)], {
    description: 'Whom tokens must be for, one of these (aud); false: tokens for anybody are taken.',
  }),
  authorizedParties: Type.Optional(
    Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      description: 'Clients that tokens may have been given to (azp, client_id); any when left out.',
    }),
  ),
  requiredClaims: Type.Optional(
    Type.Record(
      Type.String({ minLength: 1 }),
      Type.Union([
        Type.Boolean(),
        Type.Number(),
        Type.String(),
        Type.Array(Type.Union([Type.String(), Type.Number(), Type.Boolean()]), { minItems: 1 }),
      ]),
      { description: 'Claims that must be there, with this value or one of these; "*" is any.' },
    ),
  ),
  scopes: Type.Optional(
    Type.Array(Type.String({ pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]+$' }), {
      minItems: 1,
      description: 'All of these must be in its scope (scope, scp); else 403.',
    }),
  ),
  clockSkew: Type.Optional(duration("How far the issuer's clock may be from this one, up to 10min (30s).")),
};

/** Where an issuer's keys come from; without any of them, from its own metadata. */
const keyFields = {
  discovery: Type.Optional(
    url(
      "Where the issuer's metadata is (its URL with /.well-known/openid-configuration after it). Its keys are looked up there unless they are given here.",
    ),
  ),
  jwks: Type.Optional(
    Type.Union(
      [
        Type.String({ pattern: '^https?://[^\\s#]+$' }),
        Type.Object(
          { keys: Type.Array(Type.Record(Type.String(), Type.Unknown()), { minItems: 1 }) },
          strict,
        ),
      ],
      {
        title: 'a URL, or { keys: […] }',
        description: 'Its keys, a JWK set (RFC 7517): where it is, or itself.',
      },
    ),
  ),
  publicKeys: Type.Optional(
    Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      description: 'Its keys as PEM texts. Write ${file:path}.',
    }),
  ),
  secret: Type.Optional(
    Type.String({
      minLength: 1,
      writeOnly: true,
      title: 'a secret',
      description: 'A secret that it signs with (HS256, HS384, HS512). Write ${env:NAME}.',
    }),
  ),
  secretEncoding: Type.Optional(
    Type.Union([Type.Literal('text'), Type.Literal('base64'), Type.Literal('base64url')], {
      description: 'How the secret is written (text).',
    }),
  ),
  refresh: Type.Optional(duration('How old fetched keys may be before they are fetched anew (10min).')),
  keepStale: Type.Optional(duration('For how long after that they hold while they cannot be fetched (24h).')),
  coolDown: Type.Optional(
    duration('Between two fetches of the keys, however many unknown ones are asked for (30s).'),
  ),
  timeout: Type.Optional(duration('In which its server must have answered (5s).')),
  ca: Type.Optional(
    Type.String({
      minLength: 1,
      description: "Authorities to trust beside the system's, as PEM. Write ${file:path}.",
    }),
  ),
};

export const IssuerSchema = Type.Object(
  {
    issuer: Type.String({ minLength: 1, description: 'What its tokens say in `iss`, to the letter.' }),
    ...claimFields,
    ...keyFields,
    algorithms: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Za-z0-9-]+$' }), {
        minItems: 1,
        description: 'Signature algorithms to take of those that a key is for (all; HS256 with a secret).',
      }),
    ),
    types: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        description: 'What tokens must be by their header (typ), such as at+jwt (JWT, at+jwt or nothing).',
      }),
    ),
    ...bearerFields,
  },
  { ...strict, description: 'Somebody whose tokens are believed, and whom they stand for.' },
);

export type IssuerSettings = Static<typeof IssuerSchema>;
export type BearerSettings = Pick<
  IssuerSettings,
  'consumer' | 'project' | 'subject' | 'name' | 'groups' | 'models'
>;
export type ClaimSettings = Pick<
  IssuerSettings,
  'audience' | 'authorizedParties' | 'requiredClaims' | 'scopes' | 'clockSkew'
>;
