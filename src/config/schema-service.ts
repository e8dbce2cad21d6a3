import Type from 'typebox';
import { strict } from './schema-parts.ts';

export const ServiceSchema = Type.Object(
  {
    header: Type.Optional(
      Type.String({
        pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
        title: 'a name of a header',
        description: 'In which callers say which service they are (x-sluice-service).',
      }),
    ),
    forward: Type.Optional(Type.Boolean({ description: 'Send the header on to upstreams (false).' })),
  },
  { ...strict, description: 'Ask callers which service they are: usage is summed by it, too.' },
);
