import Type, { type Static } from 'typebox';

const scalar = Type.Union([Type.String({ maxLength: 10_000 }), Type.Number(), Type.Boolean()]);

const Variable = Type.Object(
  {
    required: Type.Optional(
      Type.Boolean({ description: 'Is a call without it refused? (yes, unless there is a default)' }),
    ),
    default: Type.Optional(scalar),
    type: Type.Optional(
      Type.Union(
        [Type.Literal('string'), Type.Literal('number'), Type.Literal('boolean'), Type.Literal('json')],
        { description: 'What it must be; json is anything (string).' },
      ),
    ),
    maxLength: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1_000_000,
        description: 'Characters it may have, as JSON where it is no text (10,000).',
      }),
    ),
    min: Type.Optional(Type.Number()),
    max: Type.Optional(Type.Number()),
    values: Type.Optional(Type.Array(scalar, { minItems: 1, description: 'One of these.' })),
    pattern: Type.Optional(
      Type.String({ minLength: 1, maxLength: 2000, description: 'What all of its text must be like.' }),
    ),
  },
  { additionalProperties: false },
);

const Message = Type.Object(
  {
    role: Type.Union([Type.Literal('system'), Type.Literal('user'), Type.Literal('assistant')]),
    content: Type.String({
      minLength: 1,
      maxLength: 65_536,
      description:
        'Its text; a Liquid template of the variables by their names, and of `consumer`, `claims` and `request`.',
    }),
  },
  { additionalProperties: false },
);

const Parameters = Type.Object(
  {
    temperature: Type.Optional(Type.Number({ minimum: 0, maximum: 2 })),
    topP: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    topK: Type.Optional(Type.Integer({ minimum: 1 })),
    seed: Type.Optional(Type.Integer()),
    maxOutputTokens: Type.Optional(Type.Integer({ minimum: 1 })),
    stop: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { maxItems: 16 })),
    reasoningEffort: Type.Optional(Type.String({ minLength: 1, maxLength: 32 })),
  },
  { additionalProperties: false, description: "In place of the caller's." },
);

const PromptTemplate = Type.Object(
  {
    messages: Type.Array(Message, { minItems: 1, maxItems: 100 }),
    variables: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,63}$' }), Variable, {
        description: 'What callers give; others are refused.',
      }),
    ),
    model: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'The model that answers, in place of the one that is asked for.',
      }),
    ),
    parameters: Type.Optional(Parameters),
  },
  { additionalProperties: false },
);

export const PromptTemplateSchema = Type.Object(
  {
    templates: Type.Record(
      Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_./-]{0,63}(@[A-Za-z0-9_.-]{1,32})?$' }),
      PromptTemplate,
      {
        minProperties: 1,
        description:
          'By name, or by name@version. Of several versions the last one here is meant where none is named.',
      },
    ),
    untemplated: Type.Optional(
      Type.Union([Type.Literal('allow'), Type.Literal('refuse')], {
        description: 'May a call go without a template? (allow)',
      }),
    ),
  },
  {
    additionalProperties: false,
    description: 'Prompts that callers ask for by name, and fill with variables.',
  },
);
export type PromptTemplateSettings = Static<typeof PromptTemplateSchema>;
