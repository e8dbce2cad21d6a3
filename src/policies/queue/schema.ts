import { Type, type Static } from 'typebox';

/** What `queue` takes in a configuration. */
export const QueueSchema = Type.Object(
  {
    max: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100_000,
        description:
          'Calls that may wait for the same limit, in each worker thread; 100 when left out. Others are refused as ever.',
      }),
    ),
    wait: Type.Optional(
      Type.Union([Type.String({ pattern: '^\\d{1,9}(ms|s|min|h|d)$' }), Type.Integer({ minimum: 1 })], {
        title: 'a duration such as "10s"',
        description: 'So long a call waits at most, up to 10min; 10s when left out.',
      }),
    ),
    by: Type.Optional(
      Type.Union([Type.Literal('key'), Type.Literal('project'), Type.Literal('team')], {
        description: 'Who gets a fair share of what becomes free; project when left out.',
      }),
    ),
    weights: Type.Optional(
      Type.Record(Type.String(), Type.Number({ minimum: 0.01, maximum: 100 }), {
        description:
          'Shares by name of the project (team, key), from 0.01 to 100, as set against 1, which all others have.',
      }),
    ),
    priorityHeader: Type.Optional(
      Type.String({
        pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
        description:
          'Header by which a call asks for a priority from 1 to 9, as far as its key may (keys: priority); none when left out: that of the route holds.',
      }),
    ),
  },
  {
    additionalProperties: false,
    description:
      'Calls that a limit has no room for now wait, within bounds, instead of being refused: in turn by project, the more important first.',
  },
);

export type QueueSettings = Static<typeof QueueSchema>;
