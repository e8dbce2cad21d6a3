import Type, { type Static } from 'typebox';
import { Duration, Size } from './schema-parts.ts';

const strict = { additionalProperties: false } as const;

const FailureClass = Type.Union(
  [
    Type.Literal('connect'),
    Type.Literal('reset'),
    Type.Literal('timeout'),
    Type.Literal('5xx'),
    Type.Integer({ minimum: 400, maximum: 599 }),
  ],
  { title: 'connect, reset, timeout, 5xx or a status' },
);
const Budget = Type.Object(
  {
    ratio: Type.Optional(
      Type.Number({ minimum: 0, maximum: 10, description: 'Retries for each request (0.2).' }),
    ),
    minPerSecond: Type.Optional(
      Type.Number({ minimum: 0, maximum: 1000, description: 'Retries that are always allowed (1).' }),
    ),
  },
  {
    ...strict,
    description:
      'Bounds all retries and hedges to a group of targets in the last ten seconds, for each thread: so many for each request, and so many a second.',
  },
);
const common = {
  attempts: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 10, description: 'At most, the first one included (3).' }),
  ),
  on: Type.Optional(
    Type.Array(FailureClass, {
      description:
        'connect: no connection came about. reset: it broke before the head of an answer. timeout: none came in time. A status, or 5xx for all of them ([connect, reset, timeout, 502, 503, 504]; for models [connect, reset, timeout, 429, 5xx]).',
    }),
  ),
  backoff: Type.Optional(
    Type.Object(
      { base: Type.Optional(Duration), max: Type.Optional(Duration) },
      {
        ...strict,
        description:
          'The n-th retry waits for any span up to base × 2^(n−1) (25ms), and up to max (250ms): full jitter.',
      },
    ),
  ),
  perTryTimeout: Type.Optional(Duration),
  totalTimeout: Type.Optional(Duration),
  maxRetryAfter: Type.Optional(Duration),
  budget: Type.Optional(Budget),
};

/** Of an http route or a group of upstreams. */
export const RetriesSchema = Type.Object(
  {
    ...common,
    methods: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Z]+$', title: 'a method in upper case' }), {
        description:
          'What may be sent again although it may have arrived (GET, HEAD, OPTIONS, PUT, DELETE). What never left may always.',
      }),
    ),
    buffer: Type.Optional(Size),
  },
  { ...strict, description: 'When an attempt that failed is made anew, before anything was answered.' },
);

const ModelRetriesSchema = Type.Object(common, {
  ...strict,
  description:
    'Attempts beyond one for each target, before anything was answered. Each of them may be billed, and stands on the receipt.',
});

export const HedgeSchema = Type.Object(
  {
    after: Type.Union([Type.Literal('p95'), Duration], {
      title: 'a duration such as "200ms", or p95',
      description: 'When another one is asked: after a time, or later than 95 of 100 of the latest answers.',
    }),
    max: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 3, description: 'Further attempts at once (1).' }),
    ),
  },
  {
    ...strict,
    description:
      'Another target is asked beside one that is slow; the first to answer wins. Only for methods that may be repeated.',
  },
);

export const SheddingSchema = Type.Object(
  {
    lag: Type.Optional(Duration),
    retryAfter: Type.Optional(Duration),
  },
  {
    ...strict,
    description:
      'Exchanges are refused, those of a low priority first, while a thread is later than lag (100ms) with its work; they are told to come back after retryAfter (1s).',
  },
);

/** Of an http route's destination, and of a group of upstreams. */
export const attemptFields = {
  retries: Type.Optional(RetriesSchema),
  hedge: Type.Optional(HedgeSchema),
};

/** Of a route. */
export const PrioritySchema = Type.Integer({
  minimum: 1,
  maximum: 9,
  description:
    'When a thread cannot keep up (shedding), what is lower is refused first; in a queue, what is higher comes first (5).',
});

export type RetrySettings = Static<typeof RetriesSchema>;
export type ModelRetrySettings = Static<typeof ModelRetriesSchema>;
export type HedgeSettings = Static<typeof HedgeSchema>;
export type SheddingSettings = Static<typeof SheddingSchema>;

/** What becomes of attempts at a model that fail. */
export const modelAttemptFields = {
  retries: Type.Optional(ModelRetriesSchema),
  continue: Type.Optional(
    Type.Boolean({
      description:
        'When a stream of text breaks off, the next target goes on from what was delivered (false).',
    }),
  ),
};
