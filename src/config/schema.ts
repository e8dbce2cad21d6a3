import Type, { type Static, type TSchema } from 'typebox';
import { chargesSchema, pricesSchema } from './price-schema.ts';
import { webSocketSchema } from './schema-websocket.ts';
import {
  MirrorSchema,
  RedirectTarget,
  RewriteSchema,
  splitTarget,
  StaticTarget,
} from './schema-destination.ts';
import { UpstreamHttp2Schema } from './schema-http2.ts';
import { graphqlFields } from './schema-graphql.ts';
import { listenSchema } from './schema-listen.ts';
import { eventsSchema } from './schema-events.ts';
import { MeterSchema } from './schema-meter.ts';
import { MatchSchema } from './schema-match.ts';
import { DiscoverSchema, HealthSchema } from './schema-discovery.ts';
import {
  ClientTlsSchema,
  Duration,
  HttpUrl,
  MemberListSchema,
  name,
  named,
  Size,
  LogSchema,
  strict,
  TimeoutsSchema,
} from './schema-parts.ts';
import { BalanceSchema, modelTargetFields, poolFields, StickySchema } from './schema-pool.ts';
import { OAuth2Schema } from './schema-signers.ts';
import { consumerFields, keyFields } from './schema-keys.ts';
import { ProviderSchema } from './schema-provider.ts';
import { attemptFields, modelAttemptFields, PrioritySchema, SheddingSchema } from './schema-retries.ts';
import { secretsSchema } from './schema-secrets.ts';
import { ServiceSchema } from './schema-service.ts';
import { LoopSchema, McpTarget, programsSchema, toolServersSchema } from './schema-tools.ts';
import { StorageSchema, WhenUnavailableSchema } from './schema-storage.ts';
import { telemetrySchema } from './schema-telemetry.ts';
import { AdminSchema } from './schema-admin.ts';
import { auditSchema } from './schema-audit.ts';

/**
 * The one description of sluice.yaml: its types, its validation and its published JSON Schema all come from here.
 */

const ModelSchema = Type.Object(
  {
    ...modelTargetFields,
    ...modelAttemptFields,
  },
  { ...strict, description: 'A model name for clients, and the targets that answer it.' },
);

const WebSocketSchema = webSocketSchema(Duration, Size);
const sending = {
  preserveHost: Type.Optional(Type.Boolean({ description: "Send the client's Host on (false)." })),
  upgrade: Type.Optional(Type.Boolean({ description: 'Relay WebSocket upgrades (true).' })),
  websocket: Type.Optional(WebSocketSchema),
  mirror: Type.Optional(MirrorSchema),
  meter: Type.Optional(MeterSchema),
  timeouts: Type.Optional(TimeoutsSchema),
  ...attemptFields,
};
const relaying = { ...sending, rewrite: Type.Optional(RewriteSchema) };
const HttpTarget = Type.Object(
  {
    http: Type.Union([HttpUrl, Type.Array(HttpUrl, { minItems: 1 })], {
      description: 'Upstreams, taken in turn.',
    }),
    oauth2: Type.Optional(OAuth2Schema),
    ...relaying,
  },
  { ...strict, title: '{ http: … }' },
);
const UpstreamRef = Type.Object(
  {
    upstream: name('A name under upstreams.'),
    ...relaying,
  },
  { ...strict, title: '{ upstream: … }' },
);
const GraphqlTarget = Type.Object(
  { ...graphqlFields, oauth2: Type.Optional(OAuth2Schema), ...sending },
  { ...strict, title: '{ graphql: … }' },
);
const LlmTarget = Type.Object(
  {
    llm: Type.Object(
      {
        models: Type.Optional(
          Type.Array(Type.String(), { description: 'Names and * patterns of models on this route (all).' }),
        ),
        strict: Type.Optional(
          Type.Boolean({
            description: 'Refuse what a target cannot carry, instead of dropping it and saying so (false).',
          }),
        ),
        vendorIds: Type.Optional(
          Type.Union([Type.Literal('refuse'), Type.Literal('pass')], {
            description:
              "Ids of what the provider keeps for your account, such as uploaded files: refuse them, since they may be another project's, or pass them (refuse).",
          }),
        ),
        websocket: Type.Optional(WebSocketSchema),
        tools: Type.Optional(LoopSchema),
      },
      strict,
    ),
  },
  { ...strict, title: '{ llm: {} }' },
);

const simpleTarget = Type.Union(
  [HttpTarget, UpstreamRef, GraphqlTarget, LlmTarget, RedirectTarget, StaticTarget],
  {
    description: 'As of a route.',
  },
);

const UpstreamSchema = Type.Object(
  {
    targets: Type.Optional(MemberListSchema),
    discover: Type.Optional(DiscoverSchema),
    health: Type.Optional(HealthSchema),
    balance: Type.Optional(BalanceSchema),
    sticky: Type.Optional(StickySchema),
    http2: Type.Optional(UpstreamHttp2Schema),
    tls: Type.Optional(ClientTlsSchema),
    oauth2: Type.Optional(OAuth2Schema),
    ...poolFields,
    ...attemptFields,
  },
  {
    ...strict,
    anyOf: [{ required: ['targets'] }, { required: ['discover'] }],
    description: 'Servers that can stand in for one another.',
  },
);

const anyPolicy = Type.Record(Type.String(), Type.Unknown(), {
  minProperties: 1,
  maxProperties: 1,
  description: 'One policy and its settings: "- rate-limit: { … }".',
});

/** The document's schema; `policy` describes one entry of a policy list. */
export function documentSchema<P extends TSchema>(policy: P) {
  const Route = Type.Object(
    {
      name: name('What logs, metrics and receipts call it.'),
      match: MatchSchema,
      to: Type.Union(
        [
          HttpTarget,
          UpstreamRef,
          GraphqlTarget,
          LlmTarget,
          McpTarget,
          RedirectTarget,
          StaticTarget,
          splitTarget(simpleTarget),
        ],
        {
          description:
            'Where it leads: { http: … }, { upstream: … }, { graphql: … }, { llm: {} }, { mcp: … }, { redirect: … }, { static: … } or { split: … }.',
        },
      ),
      stripPrefix: Type.Optional(
        Type.String({ pattern: '^/.*[^/]$', description: 'Taken off the path before it goes on.' }),
      ),
      bodyLimit: Type.Optional(Size),
      priority: Type.Optional(PrioritySchema),
      whenUnavailable: Type.Optional(WhenUnavailableSchema),
      policies: Type.Optional(
        Type.Array(Type.Union([Type.Literal('default'), policy]), {
          description: 'Instead of the default list; "default" stands for it.',
        }),
      ),
    },
    { ...strict, description: 'Requests that match, the policies they pass, and where they go.' },
  );
  return Type.Object(
    {
      version: Type.Optional(Type.Literal(1, { description: 'Version of this format.' })),
      listen: Type.Optional(listenSchema(Duration)),
      admin: Type.Optional(AdminSchema),
      threads: Type.Optional(
        Type.Union([Type.Literal('auto'), Type.Integer({ minimum: 1, maximum: 256 })], {
          description: 'Data-plane threads (auto: one for each core).',
        }),
      ),
      state: Type.Optional(
        Type.String({ description: 'Directory of ledger, journal and keys (./.sluice).' }),
      ),
      storage: Type.Optional(StorageSchema),
      durability: Type.Optional(
        Type.Union([Type.Literal('usual'), Type.Literal('strict')], {
          description:
            'usual: records survive the process at once and the machine within 150 ms. strict: they are on the disk before a call goes on; that takes a flush of the disk for each turn of a thread.',
        }),
      ),
      log: Type.Optional(LogSchema),
      limits: Type.Optional(
        Type.Object(
          {
            header: Type.Optional(Size),
            body: Type.Optional(Size),
            headTimeout: Type.Optional(Duration),
            bodyTimeout: Type.Optional(Duration),
            sendTimeout: Type.Optional(Duration),
          },
          {
            ...strict,
            description:
              'At the door: head size (32KiB), body size (32MiB), time for the head (15s) and for the whole request (300s), time in which a client may take nothing of its answer (60s).',
          },
        ),
      ),
      shedding: Type.Optional(SheddingSchema),
      drain: Type.Optional(
        Type.Object(
          { delay: Type.Optional(Duration), grace: Type.Optional(Duration) },
          {
            ...strict,
            description: 'On SIGTERM: time unready but serving (0s), then time for streams to finish (30s).',
          },
        ),
      ),
      service: Type.Optional(ServiceSchema),
      providers: Type.Optional(named(ProviderSchema, 'Who answers model calls.')),
      dns: Type.Optional(
        Type.Object(
          {
            servers: Type.Array(
              Type.String({
                pattern:
                  '^(?:\\d{1,3}(?:\\.\\d{1,3}){3}(?::\\d{1,5})?|[0-9a-fA-F:.]+|\\[[0-9a-fA-F:.]+\\](?::\\d{1,5})?)$',
                title: 'an address such as "10.0.0.2" or "[::1]:5353"',
              }),
              { minItems: 1, description: 'Servers that discovery asks, instead of those of the system.' },
            ),
          },
          { ...strict, description: 'How discovery by DNS asks.' },
        ),
      ),
      upstreams: Type.Optional(named(UpstreamSchema, 'Groups of servers that http routes lead to, by name.')),
      servers: Type.Optional(toolServersSchema),
      programs: Type.Optional(programsSchema),
      models: Type.Optional(
        Type.Record(Type.String({ pattern: '^[A-Za-z0-9][^\\s*]{0,127}$' }), ModelSchema, {
          ...strict,
          'x-keys': 'a name that begins with a letter or digit and has no spaces and no "*"',
          description: 'Names of your own for models.',
        }),
      ),
      prices: Type.Optional(pricesSchema),
      charges: Type.Optional(chargesSchema),
      events: Type.Optional(eventsSchema),
      audit: Type.Optional(auditSchema),
      telemetry: Type.Optional(telemetrySchema),
      secrets: Type.Optional(secretsSchema),
      account: Type.Optional(
        Type.Union([Type.Literal(false), Type.String({ pattern: '^(/[A-Za-z0-9._~-]+)+$' })], {
          title: 'a path such as "/sluice/v1", or false',
          description:
            'Path below which callers read what their own project has used; false: nowhere (/sluice/v1).',
        }),
      ),
      routes: Type.Optional(Type.Array(Route)),
      routing: Type.Optional(
        Type.Union([Type.Literal('order'), Type.Literal('specific')], {
          description:
            'order: routes are tried as they are written. specific: the most specific match first (order).',
        }),
      ),
      policyFolder: Type.Optional(
        Type.String({
          minLength: 1,
          description: 'Folder of policies of your own, relative to this file (none).',
        }),
      ),
      policies: Type.Optional(
        Type.Array(policy, {
          description:
            'Run in this order on every route, unless the route says otherwise (key-auth and model-access; [] for none).',
        }),
      ),
      teams: Type.Optional(named(Type.Object({}, strict), 'Teams, which projects belong to.')),
      projects: Type.Optional(
        named(Type.Object({ team: Type.String() }, strict), 'Projects, which keys belong to.'),
      ),
      consumers: Type.Optional(
        named(
          Type.Object(consumerFields, strict),
          'Whoever calls, with any number of credentials; keys name theirs by `consumer`.',
        ),
      ),
      keys: Type.Optional(
        named(Type.Object(keyFields, strict), 'Keys whose master is this file. Others are made at run time.'),
      ),
    },
    { ...strict, $id: 'urn:sluice:schema:1', title: 'a mapping, the configuration of Sluice' },
  );
}

/** JSON Schema (TypeBox) of each policy's settings, by the policy's name. */
export type PolicySchemas = ReadonlyMap<string, object>;

/** One entry of a policy list: exactly one kind with its settings, and perhaps a rule that says when it holds. */
export function policySchema(policies: PolicySchemas) {
  const members = [...policies].map(([name, schema]) => [name, Type.Optional(Type.Unsafe<unknown>(schema))]);
  const when = Type.Optional(
    Type.String({
      minLength: 1,
      description: 'A rule (CEL) over request, consumer, claims and call: the policy holds where it is true.',
    }),
  );
  return Type.Object({ ...Object.fromEntries(members), when } as Record<string, TSchema>, {
    ...strict,
    if: { required: ['when'] },
    then: { minProperties: 2, maxProperties: 2 },
    else: { minProperties: 1, maxProperties: 1 },
    'x-keys': 'policy',
    title: 'one policy and its settings, such as "key-auth: {}"',
    description: 'One policy and its settings: "- rate-limit: { … }"; with "when" only where a rule is true.',
  });
}

export type ConfigDocument = Static<ReturnType<typeof documentSchema<typeof anyPolicy>>>;
export type ListenerSettings = Exclude<NonNullable<ConfigDocument['listen']>, readonly unknown[]>;
export type UpstreamSettings = Static<typeof UpstreamSchema>;
export type TimeoutSettings = Static<typeof TimeoutsSchema>;
export type RouteSettings = NonNullable<ConfigDocument['routes']>[number];
export type PolicyEntry = NonNullable<ConfigDocument['policies']>[number];
