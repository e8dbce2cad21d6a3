import Type, { type Static } from 'typebox';
import { Duration, shareFields, strict } from './schema-parts.ts';

const ratio = (description: string) => Type.Number({ minimum: 0, maximum: 1, description });
const count = (minimum: number, description: string) =>
  Type.Integer({ minimum, maximum: 1_000_000, description });

export const BalanceSchema = Type.Union(
  [
    Type.Literal('round-robin'),
    Type.Literal('least-connections'),
    Type.Literal('peak-ewma'),
    Type.Literal('consistent-hash'),
  ],
  {
    title: 'round-robin, least-connections, peak-ewma or consistent-hash',
    description: 'How the next one is chosen (round-robin).',
  },
);

export const BreakerSchema = Type.Object(
  {
    window: Type.Optional(Duration),
    minimum: Type.Optional(count(1, 'Results in the window before ratios count (20).')),
    failureRatio: Type.Optional(ratio('Opens at this share of failures; 0: not by ratio (0.5).')),
    failures: Type.Optional(count(0, 'Opens at as many failures in a row; 0: not by row (0).')),
    slow: Type.Optional(Duration),
    slowRatio: Type.Optional(ratio('Opens at this share of answers that began later than `slow` (0.5).')),
    open: Type.Optional(Duration),
    maxOpen: Type.Optional(Duration),
    probes: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100,
        description: 'Let through afterwards, over all threads; all must succeed (3).',
      }),
    ),
  },
  {
    ...strict,
    description:
      'Circuit breaker of each target: window (10s) that is looked at; open (5s), twice as long after each failed probe, up to maxOpen (60s); slow (none).',
  },
);

export const PassiveSchema = Type.Object(
  {
    failures: Type.Optional(count(0, 'Put out after as many failures in a row; 0: not by row (5).')),
    failureRatio: Type.Optional(
      ratio('Put out at this share of failures in the window; 0: not by ratio (0).'),
    ),
    minimum: Type.Optional(count(1, 'Results in the window before the ratio counts (20).')),
    window: Type.Optional(Duration),
    eject: Type.Optional(Duration),
    maxEject: Type.Optional(Duration),
    maxEjected: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 100,
        description: 'Percent of the members that may be out at once, rounded down (50).',
      }),
    ),
    maxCoolDown: Type.Optional(Duration),
  },
  {
    ...strict,
    description:
      'Members whose exchanges fail get none for a while: eject (30s), longer each time up to maxEject (5min); window (10s). A Retry-After is heeded up to maxCoolDown (60s; 0: not at all).',
  },
);

const HashBySchema = Type.String({
  pattern: '^(key|client|prompt-prefix|(header|cookie):[A-Za-z0-9_-]+)$',
  title: 'key, client, prompt-prefix, header:NAME or cookie:NAME',
  description:
    'What consistent-hash goes by (client; for models prompt-prefix, so that the same beginnings meet the same cache).',
});

export const StickySchema = Type.Object(
  {
    cookie: Type.String({
      pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
      title: 'a name of a cookie',
      description: 'The cookie that the gateway sets.',
    }),
    ttl: Type.Optional(Duration),
  },
  {
    ...strict,
    description:
      'Clients come back to the member they had, while it is in service; ttl of the cookie (0: until the browser is closed).',
  },
);

/** How a group is chosen from, besides `balance` or `strategy`. */
export const poolFields = {
  hashBy: Type.Optional(HashBySchema),
  loadBound: Type.Optional(
    Type.Number({
      minimum: 1,
      maximum: 100,
      description:
        'consistent-hash: no member has more than so many times its share of what is in flight (1.25).',
    }),
  ),
  breaker: Type.Optional(BreakerSchema),
  slowStart: Type.Optional(Duration),
  whenAllOut: Type.Optional(
    Type.Union([Type.Literal('try'), Type.Literal('refuse')], {
      description: 'When health leaves nobody: try those it has put out, or refuse with 503 (try).',
    }),
  ),
};

const modelStrategies = ['fallback', 'cost', 'latency', 'throughput', 'quota'] as const;

const ModelTarget = Type.String({ pattern: '^[^/\\s]+/\\S+$', title: 'provider/model' });

/** Targets of a model, and how they are chosen among. */
export const modelTargetFields = {
  targets: Type.Array(
    Type.Union([
      ModelTarget,
      Type.Object({ target: ModelTarget, ...shareFields }, { ...strict, title: '{ target: … }' }),
    ]),
    {
      minItems: 1,
      description: 'provider/model, in the order they are tried; also with weight and priority.',
    },
  ),
  strategy: Type.Optional(
    Type.Union([...modelStrategies.map((strategy) => Type.Literal(strategy)), BalanceSchema], {
      title:
        'fallback, cost, latency, throughput, quota, round-robin, least-connections, peak-ewma or consistent-hash',
      description:
        'fallback: always the first that is in service. cost: the cheapest for the call. latency: the shortest time to the first token. throughput: the most tokens a second. quota: the most left of the limits that the provider reports. Otherwise as in upstreams. Whichever was chosen, the next one takes over while nothing was delivered (fallback).',
    }),
  ),
  rules: Type.Optional(
    Type.Array(
      Type.Object(
        {
          when: Type.String({
            minLength: 1,
            maxLength: 2000,
            title: 'an expression in CEL',
            description: 'An expression over call, request, key and time that is true or false.',
          }),
          use: Type.String({
            minLength: 1,
            description: 'A name under models, or provider/model, whose targets then answer.',
          }),
        },
        { ...strict, title: '{ when: …, use: … }' },
      ),
      {
        maxItems: 50,
        description: "Asked in order: where one holds, another model's targets answer in place of these.",
      },
    ),
  ),
  health: Type.Optional(
    Type.Object(
      { passive: Type.Optional(PassiveSchema) },
      { ...strict, description: 'How it is found out which targets are well.' },
    ),
  ),
  ...poolFields,
};

export interface PoolFields {
  readonly sticky?: Static<typeof StickySchema>;
  readonly hashBy?: string;
  readonly loadBound?: number;
  readonly breaker?: Static<typeof BreakerSchema>;
  readonly slowStart?: Static<typeof Duration>;
  readonly whenAllOut?: 'try' | 'refuse';
}

export type PassiveFields = Static<typeof PassiveSchema>;
