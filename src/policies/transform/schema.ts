import Type, { type Static } from 'typebox';

const strict = { additionalProperties: false } as const;
const Name = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$";
const Text = Type.String({ maxLength: 65_536 });
const Header = Type.String({ pattern: Name });
const texts = (description: string) => Type.Record(Header, Text, { description });

const Headers = Type.Object(
  {
    remove: Type.Optional(Type.Array(Header, { description: 'Headers to take away.' })),
    rename: Type.Optional(Type.Record(Header, Header, { description: 'New names; the values stay.' })),
    set: Type.Optional(texts('Headers to set, in place of any there are; templates.')),
    add: Type.Optional(texts('Headers to add to those there are; templates.')),
  },
  { ...strict, description: 'Changes of headers, in this order.' },
);

const Path = Type.String({ minLength: 1, maxLength: 1000, pattern: '^\\$' });
const Body = Type.Object(
  {
    remove: Type.Optional(Type.Array(Path, { description: 'JSON paths of what is taken away.' })),
    rename: Type.Optional(
      Type.Record(Path, Type.String({ minLength: 1, maxLength: 200 }), {
        description: 'New names of members.',
      }),
    ),
    default: Type.Optional(
      Type.Record(Path, Type.Unknown(), { description: 'What is set where nothing stands.' }),
    ),
    set: Type.Optional(
      Type.Record(Path, Type.Unknown(), { description: 'What is set; texts are templates.' }),
    ),
    template: Type.Optional(
      Type.String({ minLength: 1, maxLength: 65_536, description: 'A template of the whole body, in JSON.' }),
    ),
    to: Type.Optional(
      Type.Union([Type.Literal('json'), Type.Literal('form')], {
        description: 'The form it goes on in: JSON, or application/x-www-form-urlencoded (as it came).',
      }),
    ),
    maxBytes: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 67_108_864,
        description:
          'Of an answer; a larger one is an error (1 MiB). Requests have the bodyLimit of their route.',
      }),
    ),
  },
  {
    ...strict,
    minProperties: 1,
    description: 'Changes of a body of JSON or a form, in this order. Other bodies pass.',
  },
);

export const TransformSchema = Type.Object(
  {
    request: Type.Optional(
      Type.Object(
        {
          path: Type.Optional(
            Type.String({
              pattern: '^/',
              maxLength: 2000,
              description: 'In the place of the path; a template.',
            }),
          ),
          query: Type.Optional(
            Type.Object(
              {
                remove: Type.Optional(Type.Array(Type.String({ minLength: 1 }))),
                rename: Type.Optional(
                  Type.Record(Type.String({ minLength: 1 }), Type.String({ minLength: 1 })),
                ),
                set: Type.Optional(Type.Record(Type.String({ minLength: 1 }), Text)),
              },
              { ...strict, minProperties: 1, description: 'Changes of parameters, in this order.' },
            ),
          ),
          headers: Type.Optional(Headers),
          body: Type.Optional(Body),
        },
        { ...strict, description: 'What goes to the upstream.' },
      ),
    ),
    response: Type.Optional(
      Type.Object(
        { headers: Type.Optional(Headers), body: Type.Optional(Body) },
        { ...strict, description: 'What goes to the client.' },
      ),
    ),
    strictVariables: Type.Optional(
      Type.Boolean({ description: 'Does a template that asks for what is not there fail the call? (false)' }),
    ),
  },
  {
    ...strict,
    minProperties: 1,
    description: 'Changes requests and answers: headers, path, query and bodies.',
  },
);
export type TransformSettings = Static<typeof TransformSchema>;
