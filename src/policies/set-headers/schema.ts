import Type, { type Static } from 'typebox';

const Name = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$";
const Values = (description: string) =>
  Type.Record(Type.String({ pattern: Name }), Type.String({ pattern: '^[\\t\\x20-\\x7e\\x80-\\xff]*$' }), {
    description,
  });
const Side = (what: string) =>
  Type.Object(
    {
      set: Type.Optional(Values('Headers to set, in place of any there are.')),
      add: Type.Optional(Values('Headers to add to those there are.')),
      remove: Type.Optional(
        Type.Array(Type.String({ pattern: Name }), { description: 'Headers to take away.' }),
      ),
    },
    { additionalProperties: false, description: what },
  );

export const SetHeadersSchema = Type.Object(
  {
    request: Type.Optional(Side('What goes to the upstream.')),
    response: Type.Optional(Side('What goes to the client.')),
  },
  { additionalProperties: false, description: 'Sets, adds and removes headers.' },
);
export type SetHeadersSettings = Static<typeof SetHeadersSchema>;
