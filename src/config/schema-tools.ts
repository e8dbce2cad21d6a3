import Type, { type Static } from 'typebox';
import { ClientTlsSchema, Duration, Headers, HttpUrl, strict, TimeoutsSchema } from './schema-parts.ts';

/** Servers of tools, and the routes that lead to them. */

/** It is the scheme of URIs and the beginning of names among several servers: letters that both may have. */
const serverName = '^[a-z][a-z0-9-]{0,30}$';
const serverNameTitle = 'a name of at most 31 lower-case letters, digits and "-" that begins with a letter';

const shared = Type.Optional(
  Type.Boolean({ description: 'Callers share sessions with it, instead of having their own (false).' }),
);

const RemoteServerSchema = Type.Object(
  {
    url: HttpUrl,
    headers: Type.Optional(Headers),
    era: Type.Optional(
      Type.Union([Type.Literal('modern'), Type.Literal('legacy'), Type.Literal('sse')], {
        description:
          'What it speaks: modern (2026-07-28), legacy (streamable HTTP with sessions), sse (2024-11-05). Found out where it is not said.',
      }),
    ),
    shared,
    tls: Type.Optional(ClientTlsSchema),
    timeouts: Type.Optional(TimeoutsSchema),
  },
  { ...strict, title: '{ url: … }', description: 'A server of tools (Model Context Protocol).' },
);

const LocalServerSchema = Type.Object(
  {
    program: Type.String({
      pattern: serverName,
      title: serverNameTitle,
      description: 'A name under programs.',
    }),
    era: Type.Optional(
      Type.Union([Type.Literal('modern'), Type.Literal('legacy')], {
        description: 'What it speaks: modern (2026-07-28) or legacy. Found out where it is not said.',
      }),
    ),
    shared,
    maxProcesses: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1000, description: 'Processes of it at once (8).' }),
    ),
  },
  { ...strict, title: '{ program: … }', description: 'A server of tools that the gateway starts itself.' },
);

export const ToolServerSchema = Type.Union([RemoteServerSchema, LocalServerSchema]);

export const programsSchema = Type.Record(
  Type.String({ pattern: serverName }),
  Type.Object(
    {
      command: Type.Array(Type.String(), {
        minItems: 1,
        description: 'The program and its arguments; no shell reads them.',
      }),
      env: Type.Optional(
        Type.Record(Type.String(), Type.String({ writeOnly: true }), {
          description: 'Its environment, besides PATH, HOME and what else any program needs.',
        }),
      ),
      directory: Type.Optional(
        Type.String({ minLength: 1, description: 'Where it works (that of the gateway).' }),
      ),
    },
    strict,
  ),
  {
    ...strict,
    'x-keys': serverNameTitle,
    description: "Programs that servers of tools are. Each node's own file says them, no shared document.",
  },
);

export const toolServersSchema = Type.Record(Type.String({ pattern: serverName }), ToolServerSchema, {
  ...strict,
  'x-keys': serverNameTitle,
  description: 'Servers of tools (Model Context Protocol), by name.',
});

export const McpTarget = Type.Object(
  {
    mcp: Type.Object(
      {
        servers: Type.Array(Type.String({ minLength: 1 }), {
          minItems: 1,
          uniqueItems: true,
          description: 'Names under servers. All as one at the path of the route, each below it by its name.',
        }),
        hosts: Type.Optional(
          Type.Array(Type.String({ minLength: 1 }), {
            minItems: 1,
            description:
              'Hosts by which it may be called (any; from this machine itself localhost, 127.0.0.1 and [::1]).',
          }),
        ),
        origins: Type.Optional(
          Type.Array(
            Type.String({
              pattern: '^https?://[^/\\s]+$',
              title: 'an origin such as "https://app.example.com"',
            }),
            {
              description: 'Of pages that may call it, besides those of its own host (none).',
            },
          ),
        ),
      },
      strict,
    ),
  },
  { ...strict, title: '{ mcp: { servers: … } }' },
);

export const LoopSchema = Type.Object(
  {
    servers: Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      uniqueItems: true,
      description:
        'Names under servers: calls may name them by MCP-Context, and the gateway then calls their tools.',
    }),
    steps: Type.Optional(
      Type.Integer({
        minimum: 2,
        maximum: 100,
        description: 'Calls of the model for one answer, at most (10).',
      }),
    ),
    calls: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1000,
        description: 'Calls of tools for one answer, at most (50).',
      }),
    ),
    timeout: Type.Optional(Duration),
    tokens: Type.Optional(
      Type.Integer({
        minimum: 1,
        description:
          'Input and output of all steps after which the next one must be the answer (any number).',
      }),
    ),
  },
  { ...strict, description: 'Tools that the gateway calls in the course of an answer.' },
);

export type LoopSettings = Static<typeof LoopSchema>;
export type ToolServerSettings = Static<typeof ToolServerSchema>;
export type McpSettings = Static<typeof McpTarget>['mcp'];
