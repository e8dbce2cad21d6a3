import Type, { type Static } from 'typebox';
import { Headers, strict } from './schema-parts.ts';

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

export const RedirectTarget = Type.Object(
  { redirect: RedirectSchema },
  { ...strict, title: '{ redirect: … }' },
);
export const StaticTarget = Type.Object({ static: StaticSchema }, { ...strict, title: '{ static: … }' });
export type RedirectSettings = Static<typeof RedirectSchema>;
export type StaticSettings = Static<typeof StaticSchema>;
