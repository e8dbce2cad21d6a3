import Type, { type Static } from 'typebox';
import { strict } from './schema-parts.ts';

const From = Type.Union(
  [
    Type.Object(
      { header: Type.String({ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$" }) },
      { ...strict, description: 'A header of the answer.' },
    ),
    Type.Object(
      {
        json: Type.String({
          pattern: '^(/([^~/]|~[01])*)+$',
          title: 'a JSON pointer such as "/usage/images"',
        }),
      },
      { ...strict, description: 'A value within the answer, which is JSON (RFC 6901).' },
    ),
  ],
  { title: '{ header: … } or { json: … }' },
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
          'What is counted, and where an answer says how much it was. A price for `upstream_ms` is for the time that the upstream took.',
      }),
    ),
  },
  { ...strict, description: 'Bills answers by what they say was used.' },
);

export type MeterSettings = Static<typeof MeterSchema>;
