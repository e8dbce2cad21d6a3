import Type, { type Static } from 'typebox';

export const AnonymousSchema = Type.Object(
  {
    consumer: Type.String({
      minLength: 1,
      description: 'A name under consumers: who calls that bring no credential are.',
    }),
  },
  {
    additionalProperties: false,
    description: 'Takes calls without any credential for those of one consumer, which has limits of its own.',
  },
);
export type AnonymousSettings = Static<typeof AnonymousSchema>;
