import Type, { type Static } from 'typebox';
import { Duration, Headers, strict } from './schema-parts.ts';
import { PassiveSchema } from './schema-pool.ts';

const host = '[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?';

const DnsSchema = Type.Object(
  {
    name: Type.String({
      pattern: `^${host}(?:\\.${host})*\\.?$`,
      maxLength: 253,
      title: 'a DNS name',
      description: 'The name to ask for.',
    }),
    type: Type.Optional(
      Type.Union([Type.Literal('A'), Type.Literal('AAAA'), Type.Literal('SRV')], {
        description: 'Record to ask for (A). SRV brings ports, weights and priorities of its own.',
      }),
    ),
    port: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 65535, description: 'Port of the servers; needed unless SRV.' }),
    ),
    scheme: Type.Optional(
      Type.Union([Type.Literal('http'), Type.Literal('https')], { description: 'What they speak (http).' }),
    ),
    every: Type.Optional(Duration),
    minTtl: Type.Optional(Duration),
  },
  {
    ...strict,
    description:
      'Addresses of a name. Asked again when the TTL is over (but not before minTtl, 1s), or `every`.',
  },
);

export const DiscoverSchema = Type.Object(
  {
    dns: Type.Optional(DnsSchema),
    file: Type.Optional(
      Type.Object(
        { path: Type.String({ minLength: 1, description: 'Relative to the configuration.' }) },
        { ...strict, description: 'A list in a file, JSON or YAML, read again when it changes.' },
      ),
    ),
    http: Type.Optional(
      Type.Object(
        {
          url: Type.String({
            pattern: '^https?://[^\\s/?#@]+(/[^\\s#]*)?$',
            title: 'an http or https URL without credentials',
            description: 'Answers GET with a JSON list.',
          }),
          every: Type.Optional(Duration),
          timeout: Type.Optional(Duration),
          headers: Type.Optional(Headers),
        },
        { ...strict, description: 'A list behind a URL, asked for every 30s, within 5s.' },
      ),
    ),
    startupWait: Type.Optional(Duration),
  },
  {
    ...strict,
    anyOf: [{ required: ['dns'] }, { required: ['file'] }, { required: ['http'] }],
    description: 'Where the members are learnt from: dns, file or http.',
  },
);

export const HealthSchema = Type.Object(
  {
    passive: Type.Optional(PassiveSchema),
    active: Type.Optional(
      Type.Object(
        {
          path: Type.Optional(
            Type.String({
              pattern: '^/[\\x21-\\x7e]*$',
              title: 'a path that begins with "/"',
              description: 'Asked for by HTTP.',
            }),
          ),
          tcp: Type.Optional(Type.Literal(true, { description: 'A connection is enough.' })),
          method: Type.Optional(Type.String({ pattern: '^[A-Z]+$', title: 'a method in upper case' })),
          headers: Type.Optional(Headers),
          expect: Type.Optional(
            Type.Object(
              {
                status: Type.Optional(
                  Type.Array(
                    Type.Union([
                      Type.Integer({ minimum: 100, maximum: 599 }),
                      Type.String({
                        pattern: '^[1-5]\\d\\d-[1-5]\\d\\d$',
                        title: 'a range such as "200-299"',
                      }),
                    ]),
                    { minItems: 1, description: 'Statuses and ranges that are good (200-299).' },
                  ),
                ),
                bodyContains: Type.Optional(
                  Type.String({ minLength: 1, description: 'Text within the first 64 KiB of the body.' }),
                ),
              },
              { ...strict, description: 'What a good answer is.' },
            ),
          ),
          every: Type.Optional(Duration),
          timeout: Type.Optional(Duration),
          healthyAfter: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: 100,
              description: 'Good checks in a row that bring a member back (2).',
            }),
          ),
          unhealthyAfter: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: 100,
              description: 'Bad checks in a row that put it out (3).',
            }),
          ),
          jitter: Type.Optional(
            Type.Number({
              minimum: 0,
              maximum: 1,
              description: 'Part of the interval that is left to chance (0.1).',
            }),
          ),
          port: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: 65535,
              description: "Port to ask, where it is not the member's.",
            }),
          ),
        },
        {
          ...strict,
          anyOf: [{ required: ['path'] }, { required: ['tcp'] }],
          description: 'Each member is asked every 10s, within 2s.',
        },
      ),
    ),
  },
  { ...strict, description: 'How it is found out which members are well.' },
);

export type DiscoverSettings = Static<typeof DiscoverSchema>;
export type HealthSettings = Static<typeof HealthSchema>;
