import Type, { type Static } from 'typebox';

const Rule = Type.Union(
  [
    Type.String({ minLength: 1, maxLength: 2000 }),
    Type.Object(
      {
        name: Type.String({
          pattern: '^[A-Za-z0-9_.-]{1,64}$',
          description: 'Stands on the receipt of a call that is refused by it.',
        }),
        pattern: Type.String({ minLength: 1, maxLength: 2000 }),
      },
      { additionalProperties: false },
    ),
  ],
  { description: 'A pattern that is looked for anywhere in a message, and perhaps a name.' },
);
const Role = Type.Union([
  Type.Literal('system'),
  Type.Literal('user'),
  Type.Literal('assistant'),
  Type.Literal('tool'),
]);

export const PromptGuardSchema = Type.Object(
  {
    deny: Type.Optional(
      Type.Array(Rule, { description: 'A message in which one of these is found refuses the call.' }),
    ),
    allow: Type.Optional(
      Type.Array(Rule, {
        minItems: 1,
        description: 'A message in which none of these is found refuses the call.',
      }),
    ),
    roles: Type.Optional(
      Type.Array(Role, { minItems: 1, description: 'Whose messages are read (system, user, tool).' }),
    ),
    messages: Type.Optional(
      Type.Union([Type.Literal('all'), Type.Literal('last')], {
        description: 'All messages of these roles, or the last of each role alone (all).',
      }),
    ),
    caseSensitive: Type.Optional(
      Type.Boolean({ description: 'Are capitals others than small letters? (false)' }),
    ),
    message: Type.Optional(
      Type.String({ minLength: 1, maxLength: 500, description: 'What the caller is told.' }),
    ),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    description: 'Refuses calls to models by patterns in their messages.',
  },
);
export type PromptGuardSettings = Static<typeof PromptGuardSchema>;
