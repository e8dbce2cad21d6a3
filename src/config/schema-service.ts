import Type, { type Static } from 'typebox';
import { strict } from './schema-parts.ts';

export const ServiceSchema = Type.Object(
  {
    header: Type.Optional(
      Type.String({
        pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
        title: 'a name of a header',
        description: 'In which callers say which service they are (x-sluice-service; with `claim`, none).',
      }),
    ),
    claim: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 64,
        description: 'What a credential says of it, by the name of the claim; goes before the header.',
      }),
    ),
    forward: Type.Optional(Type.Boolean({ description: 'Send the header on to upstreams (false).' })),
  },
  { ...strict, description: 'Ask which service calls: usage is summed by it, too.' },
);

export type ServiceSettings = Static<typeof ServiceSchema>;
