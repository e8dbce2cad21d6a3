import Type, { type Static } from 'typebox';

const Message = Type.Object(
  {
    role: Type.Union([Type.Literal('system'), Type.Literal('user'), Type.Literal('assistant')]),
    content: Type.String({
      minLength: 1,
      maxLength: 65_536,
      description:
        'Its text; a Liquid template where it has one, of `consumer`, `claims`, `request`, `call` and `route`.',
    }),
  },
  { additionalProperties: false },
);

export const PromptDecorateSchema = Type.Object(
  {
    prepend: Type.Optional(Type.Array(Message, { description: "Messages before the caller's." })),
    append: Type.Optional(Type.Array(Message, { description: "Messages after the caller's." })),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    description: 'Puts messages before and after those of calls to models.',
  },
);
export type PromptDecorateSettings = Static<typeof PromptDecorateSchema>;
