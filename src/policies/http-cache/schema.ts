import { Type, type Static } from 'typebox';

const duration = (description: string) =>
  Type.Union([Type.String({ pattern: '^\\d{1,9}(ms|s|min|h|d)$' }), Type.Integer({ minimum: 0 })], {
    title: 'a duration such as "60s"',
    description,
  });
const headerNames = (description: string) =>
  Type.Array(Type.String({ pattern: "^[a-z0-9!#$%&'*+.^_`|~-]{1,100}$" }), {
    uniqueItems: true,
    maxItems: 16,
    description,
  });
const parameters = (description: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { uniqueItems: true, maxItems: 64, description });

/** What `http-cache` takes in a configuration. */
export const HttpCacheSchema = Type.Object(
  {
    scope: Type.Optional(
      Type.Enum(['consumer', 'project', 'everybody'], {
        description:
          'Who shares what is kept: consumer when left out. Whoever shows an Authorization that upstreams judge has his own, except with everybody.',
      }),
    ),
    ttl: Type.Optional(
      duration(
        'Answers that do not say how long they are fresh are so for this long; 0, not kept, when left out.',
      ),
    ),
    negativeTtl: Type.Optional(duration('The same of 404, 405, 410, 414 and 501; 0 when left out.')),
    heuristic: Type.Optional(
      Type.Object(
        {
          percent: Type.Integer({ minimum: 1, maximum: 100 }),
          most: Type.Optional(duration('1d when left out.')),
        },
        {
          additionalProperties: false,
          description:
            'Answers that say when they were changed last are fresh for this share of the time since; without it none is, by that.',
        },
      ),
    ),
    staleWhileRevalidate: Type.Optional(
      duration(
        'So long a stale answer is given while it is renewed, where it does not say so itself; 0 when left out.',
      ),
    ),
    staleIfError: Type.Optional(
      duration(
        'So long a stale answer is given where no upstream answers, or by 500, 502, 503 or 504, and it does not say so itself; 0 when left out.',
      ),
    ),
    keepStale: Type.Optional(
      duration(
        'So long an answer is kept after it has gone stale, to be renewed by a 304; 1h when left out.',
      ),
    ),
    maxBytes: Type.Optional(
      Type.Union([Type.String({ pattern: '^\\d{1,6}(B|KiB|MiB|GiB)$' }), Type.Integer({ minimum: 1 })], {
        title: 'a size such as "1MiB"',
        description: 'Larger bodies are not kept; 1MiB when left out.',
      }),
    ),
    requestDirectives: Type.Optional(
      Type.Enum(['heed', 'ignore'], {
        description: 'Is what clients say by Cache-Control and Pragma heeded? heed when left out.',
      }),
    ),
    query: Type.Optional(
      Type.Object(
        {
          ignore: Type.Optional(parameters('Parameters that say nothing.')),
          only: Type.Optional(parameters('The only ones that say something.')),
          sort: Type.Optional(Type.Boolean({ description: 'Does their order say nothing?' })),
        },
        {
          additionalProperties: false,
          description: 'How the query is part of the key: as it is when left out.',
        },
      ),
    ),
    headers: Type.Optional(
      headerNames('Request headers that are part of the key, whatever answers vary by.'),
    ),
    targets: Type.Optional(
      headerNames(
        'Fields that stand before Cache-Control (RFC 9213), the first one that is there; [cdn-cache-control] when left out.',
      ),
    ),
    tags: Type.Optional(
      headerNames('Fields in which answers name their tags; [surrogate-key, cache-tag] when left out.'),
    ),
    wait: Type.Optional(
      duration(
        'So long a request waits for an equal one that is under way; 10s when left out, 0: not at all.',
      ),
    ),
    price: Type.Optional(
      Type.Union([Type.Enum(['free', 'full']), Type.String({ pattern: '^(\\d|[1-9]\\d|100)%$' })], {
        title: 'free, full, or a share such as "25%"',
        description:
          'What is charged for an answer that was kept, of the price of the route: free when left out.',
      }),
    ),
  },
  {
    additionalProperties: false,
    description:
      'Keeps answers to GET, and gives them again, as RFC 9111 has it for a cache that many share.',
  },
);

export type HttpCacheSettings = Static<typeof HttpCacheSchema>;
