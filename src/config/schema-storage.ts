import Type, { type Static } from 'typebox';
import { ClientTlsSchema, Duration, strict } from './schema-parts.ts';

/** The stores that many nodes share. */

const address = (schemes: string, title: string, description: string) =>
  Type.String({ pattern: `^(?:${schemes})://[^\\s/]+(?:/\\S*)?$`, writeOnly: true, title, description });

const redisAddress = address(
  'redis|rediss',
  'a URL such as redis://cache.internal:6379',
  'User, password, host and number of the database. Write ${env:NAME} or ${file:path}.',
);

export const WhenUnavailableSchema = Type.Union([Type.Literal('refuse'), Type.Literal('lease')], {
  description:
    'Calls that are limited while the counters in Redis cannot be reached: answer them with 503, or let each node give out its lease of every limit by itself (refuse).',
});

export const StorageSchema = Type.Object(
  {
    postgres: Type.Optional(
      Type.Object(
        {
          url: address(
            'postgres|postgresql',
            'a URL such as postgres://sluice@db.internal/sluice',
            'User, password, host and database. Write ${env:NAME} or ${file:path}.',
          ),
          pool: Type.Optional(
            Type.Integer({ minimum: 2, maximum: 100, description: 'Connections of this node (10).' }),
          ),
          connectTimeout: Type.Optional(Duration),
          tls: Type.Optional(ClientTlsSchema),
        },
        {
          ...strict,
          description:
            'Configuration, keys, ledger and receipts. connectTimeout: until a connection stands (5s).',
        },
      ),
    ),
    redis: Type.Optional(
      Type.Object(
        {
          url: redisAddress,
          cluster: Type.Optional(
            Type.Union([Type.Literal(true), Type.Array(redisAddress, { minItems: 1, maxItems: 32 })], {
              description: 'The URL is that of a node of a Cluster: true, or URLs of more of its nodes.',
            }),
          ),
          sentinels: Type.Optional(
            Type.Array(redisAddress, {
              minItems: 1,
              maxItems: 32,
              description:
                'URLs of Sentinels. The host in the URL above is then the name under which they know the primary.',
            }),
          ),
          timeout: Type.Optional(Duration),
          whenUnavailable: Type.Optional(WhenUnavailableSchema),
          lease: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: 100,
              description:
                'That lease, in percent of each limit. Nodes pass a limit by at most their number times it (10).',
            }),
          ),
          tls: Type.Optional(ClientTlsSchema),
        },
        {
          ...strict,
          description: 'Counters of limits. timeout: how long a call waits for an answer (250ms).',
        },
      ),
    ),
    answers: Type.Optional(
      Type.Union([Type.String({ pattern: '^\\d{1,6}(B|KiB|MiB|GiB)$' }), Type.Integer({ minimum: 65_536 })], {
        title: 'a size such as "64MiB"',
        description:
          'Memory of the process in which http-cache and llm-cache keep answers: 64MiB when left out. It is taken as it is filled.',
      }),
    ),
  },
  {
    ...strict,
    description: 'Stores that many nodes share, in place of the state directory and the memory of each.',
  },
);

export type StorageDocument = Static<typeof StorageSchema>;
