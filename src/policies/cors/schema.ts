import Type, { type Static } from 'typebox';

const Names = (description: string) =>
  Type.Array(Type.String({ pattern: '^[A-Za-z0-9-]+$' }), { description });

export const CorsSchema = Type.Object(
  {
    origins: Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      description: 'Origins that may read answers, such as https://app.example.com; "*" for all.',
    }),
    methods: Type.Optional(Names('Methods a page may use (GET, POST, PUT, PATCH, DELETE).')),
    headers: Type.Optional(
      Names('Request headers a page may send (authorization, content-type, x-api-key).'),
    ),
    expose: Type.Optional(Names("Answer headers a page may read, besides the gateway's own.")),
    credentials: Type.Optional(
      Type.Boolean({ description: 'Let pages send cookies (false). Not together with "*".' }),
    ),
    maxAgeSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 86_400,
        description: 'How long browsers may remember a preflight (600).',
      }),
    ),
  },
  {
    additionalProperties: false,
    description: 'Which web pages may call, by the rules of the Fetch standard.',
  },
);
export type CorsSettings = Static<typeof CorsSchema>;
