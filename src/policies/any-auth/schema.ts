import Type, { type Static, type TSchema } from 'typebox';

/** @param authenticators Schemas of the policies that it may be made of, by their names. */
export const anyAuthSchema = (authenticators: Readonly<Record<string, TSchema>>) =>
  Type.Object(
    {
      any: Type.Array(
        Type.Union([
          Type.Union(Object.keys(authenticators).map((name) => Type.Literal(name))),
          Type.Object(
            Object.fromEntries(
              Object.entries(authenticators).map(([name, schema]) => [name, Type.Optional(schema)]),
            ),
            { additionalProperties: false, minProperties: 1, maxProperties: 1, 'x-keys': 'policy' },
          ),
        ]),
        {
          minItems: 1,
          description:
            'Policies that say who calls, by name or with settings. The first of whose kind the call brings a credential decides, alone.',
        },
      ),
    },
    {
      additionalProperties: false,
      description:
        'Requires one credential of several kinds. A wrong one is refused, whatever else would do.',
    },
  );
export type AnyAuthSettings = Static<ReturnType<typeof anyAuthSchema>>;
