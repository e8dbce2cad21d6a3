import Type, { type Static } from 'typebox';

export const CsrfSchema = Type.Object(
  {
    origins: Type.Optional(
      Type.Array(
        Type.String({ pattern: '^https?://[^\\s/]+$', title: 'an origin such as "https://app.example.com"' }),
        {
          description: 'Origins of pages that may call, besides the one they call (none).',
        },
      ),
    ),
    cookies: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        description:
          'Names of cookies that say who calls: calls without any of them are nobody to forge, and pass (any cookie).',
      }),
    ),
    methods: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Z]+$' }), {
        minItems: 1,
        description: 'Methods that change nothing, and pass (GET, HEAD, OPTIONS).',
      }),
    ),
    token: Type.Optional(
      Type.Object(
        {
          cookie: Type.String({ minLength: 1, description: 'Cookie that the application sets.' }),
          header: Type.String({
            pattern: '^[A-Za-z0-9-]+$',
            description: 'Header in which its pages send the same value.',
          }),
        },
        {
          additionalProperties: false,
          description: 'Besides, a value that only pages of the application can know (double submit).',
        },
      ),
    ),
  },
  {
    additionalProperties: false,
    description: "Refuses calls that another site's page may have made in its visitor's name.",
  },
);
export type CsrfSettings = Static<typeof CsrfSchema>;
