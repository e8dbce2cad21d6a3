import Type, { type Static } from 'typebox';

const Patterns = Type.Array(Type.String({ minLength: 1 }), { minItems: 1 });

export const HeaderRestrictionSchema = Type.Object(
  {
    headers: Type.Record(
      Type.String({ pattern: '^[A-Za-z0-9-]+$' }),
      Type.Object(
        {
          allow: Type.Optional(
            Type.Unsafe<string[]>({
              ...Patterns,
              description: 'Patterns of which one must fit the whole value.',
            }),
          ),
          deny: Type.Optional(
            Type.Unsafe<string[]>({ ...Patterns, description: 'Patterns of which none may fit it.' }),
          ),
          hosts: Type.Optional(
            Type.Unsafe<string[]>({
              ...Patterns,
              description: 'The value is a URL, and its host one of these: names, and "*." before one.',
            }),
          ),
          missing: Type.Optional(
            Type.Union([Type.Literal('allow'), Type.Literal('refuse')], {
              description: 'Calls without the header (refuse where there is something to fit, else allow).',
            }),
          ),
        },
        { additionalProperties: false, minProperties: 1 },
      ),
      {
        additionalProperties: false,
        minProperties: 1,
        'x-keys': 'a header name',
        description: 'By header, such as user-agent and referer: what it may say.',
      },
    ),
  },
  {
    additionalProperties: false,
    description: 'Refuses calls by what a header says, such as User-Agent or Referer.',
  },
);
export type HeaderRestrictionSettings = Static<typeof HeaderRestrictionSchema>;
