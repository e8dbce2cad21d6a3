import Type, { type Static } from 'typebox';

const patterns = (description: string) =>
  Type.Optional(Type.Array(Type.String({ minLength: 1 }), { minItems: 1, description }));

const callers = (description: string) =>
  Type.Object(
    {
      consumers: patterns('Names under consumers.'),
      groups: patterns('Groups of which it is in one.'),
      projects: patterns('Projects.'),
      teams: patterns('Teams.'),
      claims: Type.Optional(
        Type.Record(Type.String(), Type.Array(Type.String({ minLength: 1 }), { minItems: 1 }), {
          description: 'What the credential says: claims, and values of which it has one.',
        }),
      ),
    },
    { additionalProperties: false, minProperties: 1, description },
  );

export const AccessSchema = Type.Object(
  {
    allow: Type.Optional(callers('Who may call: whoever is one of these. Names, and * patterns.')),
    deny: Type.Optional(callers('Who may not, even if allowed.')),
    rule: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'An expression (CEL) over request, consumer, claims, time and call that must be true.',
      }),
    ),
    models: Type.Optional(
      Type.Record(
        Type.String({ minLength: 1 }),
        Type.Object(
          {
            allow: Type.Optional(callers('Who may use them.')),
            deny: Type.Optional(callers('Who may not, even if allowed.')),
          },
          { additionalProperties: false, minProperties: 1 },
        ),
        {
          description: 'By names and * patterns of models: who may use them. All that fit a model hold.',
        },
      ),
    ),
    tools: Type.Optional(
      Type.Record(
        Type.String({ minLength: 1 }),
        Type.Object(
          {
            allow: Type.Optional(callers('Who may call them.')),
            deny: Type.Optional(callers('Who may not, even if allowed.')),
          },
          { additionalProperties: false, minProperties: 1 },
        ),
        {
          description:
            'By server and tool (`crm/find_customer`, `crm/*`): who may know of them and call them. All that fit a tool hold.',
        },
      ),
    ),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    description: 'Who may do what: lists of callers, by route, by model and by tool, and a rule.',
  },
);
export type AccessSettings = Static<typeof AccessSchema>;
export type CallerList = NonNullable<AccessSettings['allow']>;
