import Type, { type Static, type TSchema } from 'typebox';
import { WhenSchema } from './schema-match.ts';
import { Duration, Headers, Size, strict } from './schema-parts.ts';

/** What a route can lead to besides servers and models. */

const statuses = [301, 302, 303, 307, 308].map((status) => Type.Literal(status));
/** On this host, or on one that is written out: never on one that a request's path names. */
const location =
  '^(?:https?://(?:\\{request\\.host\\}|[A-Za-z0-9._:\\[\\]-]+)(?=$|[/?#]|\\{request\\.path\\})|(?=/(?![/\\\\]))|(?=\\{request\\.path\\}))[\\x21-\\x5b\\x5d-\\x7e]*$';

export const RedirectSchema = Type.Object(
  {
    status: Type.Optional(Type.Union(statuses, { description: '301, 302, 303, 307 or 308 (307).' })),
    to: Type.String({
      pattern: location,
      title: 'a path or an http(s) URL whose host is written out or {request.host}',
      description:
        'A path or URL; {name}, {**} and {request.path} stand for pieces of the path, {request.host} for the host.',
    }),
    keepQuery: Type.Optional(Type.Boolean({ description: 'Send the query along (true).' })),
  },
  { ...strict, description: 'Sends the client to another place.' },
);

export const StaticSchema = Type.Object(
  {
    status: Type.Optional(Type.Integer({ minimum: 200, maximum: 599, description: 'Of the answer (200).' })),
    headers: Type.Optional(Headers),
    body: Type.Optional(
      Type.String({
        description: 'Text of the answer; {name} and {**} stand for pieces of the path, escaped.',
      }),
    ),
  },
  { ...strict, description: 'Gives an answer that is written here.' },
);

export const MirrorSchema = Type.Object(
  {
    upstream: Type.String({ minLength: 1, description: 'A name under upstreams.' }),
    percent: Type.Optional(
      Type.Number({ minimum: 0, maximum: 100, description: 'Of the requests that are copied (100).' }),
    ),
    maxBody: Type.Optional(Size),
    maxConcurrent: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000,
        description: 'Copies under way in one thread; others are not made (100).',
      }),
    ),
    timeout: Type.Optional(Duration),
  },
  {
    ...strict,
    description:
      'Copies of requests for another group, whose answers are thrown away; none of bodies above maxBody (1MiB); timeout of a copy (30s).',
  },
);

export const RedirectTarget = Type.Object(
  { redirect: RedirectSchema },
  { ...strict, title: '{ redirect: … }' },
);
export const StaticTarget = Type.Object({ static: StaticSchema }, { ...strict, title: '{ static: … }' });
export type RedirectSettings = Static<typeof RedirectSchema>;
export type StaticSettings = Static<typeof StaticSchema>;

/** `to` describes what a part may lead to. */
export const splitTarget = <T extends TSchema>(to: T) =>
  Type.Object(
    {
      split: Type.Array(
        Type.Object(
          {
            name: Type.Optional(
              Type.String({
                pattern: '^[A-Za-z0-9_-]{1,64}$',
                title: 'a name of letters, digits, "_" and "-"',
                description: 'What callers are kept by; its place in the list where it has none.',
              }),
            ),
            weight: Type.Integer({
              minimum: 0,
              maximum: 1_000_000,
              description: 'Share of the exchanges that no "when" takes.',
            }),
            when: Type.Optional(WhenSchema),
            to,
          },
          { ...strict, description: 'A part, and where it leads.' },
        ),
        { minItems: 1, maxItems: 64, description: 'Each exchange takes one of the parts.' },
      ),
      stickyBy: Type.Optional(
        Type.String({
          pattern: "^(?:key|client|(?:header|cookie):[A-Za-z0-9!#$%&'*+.^_`|~-]+)$",
          title: 'key, client, header:NAME or cookie:NAME',
          description: 'What keeps a caller with a part: key, client, header:NAME or cookie:NAME (nothing).',
        }),
      ),
    },
    { ...strict, title: '{ split: … }' },
  );

export const RewriteSchema = Type.Object(
  {
    path: Type.Optional(
      Type.String({
        pattern: '^(?:/|\\{request\\.path\\})[\\x21-\\x22\\x24-\\x3a\\x3c-\\x3e\\x40-\\x5b\\x5d-\\x7e]*$',
        title: 'a path that begins with "/"',
        description: 'In place of the path; {name}, {**} and {request.path} stand for pieces of it.',
      }),
    ),
    query: Type.Optional(
      Type.Object(
        {
          set: Type.Optional(
            Type.Record(Type.String(), Type.String(), {
              description: 'Parameters to set, in place of any of their names; values are templates.',
            }),
          ),
          remove: Type.Optional(
            Type.Array(Type.String(), { description: 'Names of parameters to take away; * is all.' }),
          ),
        },
        { ...strict, description: 'Changes of the query.' },
      ),
    ),
    host: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9._{}:-]+$',
        title: 'a host, or a host and port',
        description: 'In place of the Host that the upstream is given; a template.',
      }),
    ),
  },
  { ...strict, minProperties: 1, description: 'Changes the place that is asked of the upstream.' },
);
export type RewriteSettings = Static<typeof RewriteSchema>;
