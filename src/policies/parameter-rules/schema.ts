import Type, { type Static } from 'typebox';

const range = (what: string) =>
  Type.Optional(
    Type.Object(
      {
        default: Type.Optional(Type.Number({ description: 'For calls that give none.' })),
        min: Type.Optional(Type.Number()),
        max: Type.Optional(Type.Number()),
      },
      { additionalProperties: false, minProperties: 1, description: what },
    ),
  );
const Effort = Type.Union([
  Type.Literal('none'),
  Type.Literal('minimal'),
  Type.Literal('low'),
  Type.Literal('medium'),
  Type.Literal('high'),
  Type.Literal('xhigh'),
  Type.Literal('max'),
]);

export const ParameterRulesSchema = Type.Object(
  {
    temperature: range('Of sampling.'),
    topP: range('Of nucleus sampling.'),
    topK: range('Of the likeliest tokens.'),
    frequencyPenalty: range('Of tokens by how often they came.'),
    presencePenalty: range('Of tokens that came.'),
    maxOutputTokens: range('Tokens of output of one answer.'),
    choices: range('Answers of one call.'),
    reasoningTokens: range('Tokens of reasoning, where a call names a budget.'),
    tools: Type.Optional(
      Type.Object(
        { max: Type.Integer({ minimum: 0 }) },
        { additionalProperties: false, description: 'Tools that a call offers; more are refused.' },
      ),
    ),
    reasoningEffort: Type.Optional(
      Type.Object(
        { default: Type.Optional(Effort), min: Type.Optional(Effort), max: Type.Optional(Effort) },
        { additionalProperties: false, minProperties: 1, description: 'How much a model reasons.' },
      ),
    ),
    fields: Type.Optional(
      Type.Object(
        { refuse: Type.Array(Type.String({ minLength: 1, maxLength: 100 }), { minItems: 1 }) },
        {
          additionalProperties: false,
          description: "Fields of the body, at its top, in the caller's dialect.",
        },
      ),
    ),
    beyond: Type.Optional(
      Type.Union([Type.Literal('clamp'), Type.Literal('refuse')], {
        description: 'What becomes of a call beyond a bound: the bound in its place, or an error (clamp).',
      }),
    ),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    description: 'Defaults and bounds of what calls to models ask for.',
  },
);
export type ParameterRulesSettings = Static<typeof ParameterRulesSchema>;
