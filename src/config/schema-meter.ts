import Type, { type Static } from 'typebox';
import { Size, strict } from './schema-parts.ts';

const Header = Type.String({ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$" });
const Place = Type.String({
  pattern: '^(\\$.*|(/([^~/]|~[01])*)+)$',
  title: 'a JSON path such as "$.usage.images", or a JSON pointer such as "/usage/images"',
  description:
    'A number within JSON, by a JSON path (RFC 9535; numbers that it leads to are added up) or a JSON pointer (RFC 6901).',
});
const Items = Type.String({
  pattern: '^\\$',
  title: 'a JSON path such as "$.images"',
  description:
    'By a JSON path (RFC 9535): so many values does it lead to, or are in the one list that it leads to.',
});

const perUnit = {
  per: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_000_000_000,
      description: 'One unit is so much of what is said (1): 1024, where bytes are said and KiB are sold.',
    }),
  ),
  most: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_000_000_000,
      description: 'No call uses more: a figure above it is a mistake. Hard budgets reserve as much.',
    }),
  ),
  expected: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 1_000_000_000,
      description: 'So many are reserved of limits before the answer says how many they are (1).',
    }),
  ),
  missing: Type.Optional(
    Type.Union(
      [Type.Literal('flag'), Type.Literal('refuse'), Type.Integer({ minimum: 0, maximum: 1_000_000_000 })],
      {
        title: '"flag", "refuse" or a number of units',
        description:
          'Where nothing is said, or nothing that can be: it costs nothing and is flagged (flag), the call fails (refuse), or so many units are charged.',
      },
    ),
  ),
};

const RequestPlace = Type.Union(
  [
    Type.Object({ header: Header }, strict),
    Type.Object({ query: Type.String({ minLength: 1 }) }, strict),
    Type.Object({ json: Place }, strict),
    Type.Object({ items: Items }, strict),
  ],
  { title: '{ header: … }, { query: … }, { json: … } or { items: … }' },
);

const From = Type.Union(
  [
    Type.Object({ header: Header, ...perUnit }, { ...strict, description: 'A header of the answer.' }),
    Type.Object({ json: Place, ...perUnit }, { ...strict, description: 'A number within the answer.' }),
    Type.Object(
      { items: Items, ...perUnit },
      { ...strict, description: 'Values within the answer, counted.' },
    ),
    Type.Object(
      { request: RequestPlace, ...perUnit },
      { ...strict, description: 'What the request says; of its body, where that is JSON.' },
    ),
    Type.Object(
      {
        bytes: Type.Union([Type.Literal('request'), Type.Literal('answer')]),
        per: perUnit.per,
        expected: perUnit.expected,
        most: perUnit.most,
      },
      { ...strict, description: 'Length of the body, as it is transferred.' },
    ),
    Type.Object(
      { fixed: Type.Integer({ minimum: 1, maximum: 1_000_000_000 }) },
      { ...strict, description: 'So many for each call.' },
    ),
  ],
  {
    title: '{ header: … }, { json: … }, { items: … }, { request: … }, { bytes: … } or { fixed: … }',
  },
);

export const MeterSchema = Type.Object(
  {
    price: Type.String({
      pattern: '^[^/\\s*]+$',
      title: 'a name under prices, without "/"',
      description: 'What it is billed by: a name under `prices`.',
    }),
    units: Type.Optional(
      Type.Record(Type.String({ pattern: '^[a-z][a-z0-9_]{0,63}$' }), From, {
        ...strict,
        'x-keys': 'a unit such as "images"',
        description:
          'What is counted, and where it is said how much it was. A price for `upstream_ms` is for the time that the upstream took.',
      }),
    ),
    maxBody: Type.Optional(Size),
  },
  {
    ...strict,
    description:
      'Bills calls by what they use. Where answers are read: up to `maxBody` (1MiB) of them, or of each event of a stream.',
  },
);

export type MeterSettings = Static<typeof MeterSchema>;
