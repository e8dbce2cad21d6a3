import { Type, type Static } from 'typebox';
import { dimensionPattern, type Dimension } from '#core/counted-subject.ts';

const dimension = Type.Unsafe<Dimension>(
  Type.String({
    pattern: dimensionPattern,
    description:
      '`key`, `consumer`, `project`, `team`, `model`, `tool`, `provider`, `route`, `address`, `header:NAME` or `claim:NAME`.',
    examples: ['key', 'project', 'team', 'model', 'tool', 'provider', 'route', 'address', 'header:x-tenant'],
  }),
);

/** What `concurrency-limit` takes in a configuration. */
export const ConcurrencyLimitSchema = Type.Object(
  {
    by: Type.Union([dimension, Type.Array(dimension, { minItems: 1, maxItems: 4, uniqueItems: true })], {
      description:
        'Who shares one limit. A list makes one limit for each combination: `[key, model]` is each key with each model.',
    }),
    max: Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'Exchanges at work at once.' }),
  },
  {
    additionalProperties: false,
    description:
      'Limits exchanges at work at once, exactly over all threads, by key, project, team, model, provider, route, address, header or claim.',
  },
);

export type ConcurrencyLimitSettings = Static<typeof ConcurrencyLimitSchema>;
