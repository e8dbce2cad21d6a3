import Type from 'typebox';

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

/** Of one consumer. */
export const consumerFields = {
  project: Type.String({ description: 'The project that its calls belong to.' }),
  groups,
  models,
  priority,
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
