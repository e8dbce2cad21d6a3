import Type, { type Static } from 'typebox';

const Names = (description: string) =>
  Type.Optional(Type.Array(Type.String({ pattern: '^[A-Za-z0-9-]+$' }), { description }));
const Duration = (description: string) =>
  Type.Optional(
    Type.Union([Type.String({ pattern: '^\\d{1,9}(ms|s|min|h|d)$' }), Type.Integer({ minimum: 0 })], {
      title: 'a duration such as "30s", "500ms" or "5min"',
      description,
    }),
  );

export const ForwardAuthSchema = Type.Object(
  {
    url: Type.String({
      pattern: '^https?://[^\\s/?#@]+(?:/[^\\s?#]*)?$',
      title: 'an http or https URL without credentials and query',
      description: 'Who is asked, with GET.',
    }),
    requestHeaders: Names(
      'Request headers that it is shown, besides X-Forwarded-Method, -Proto, -Host, -Uri and -For (authorization, cookie).',
    ),
    upstreamHeaders: Names(
      'Headers of its answer that go on upstream, in place of what the client sent by these names (none).',
    ),
    answerHeaders: Names(
      'Headers of its refusals that the client gets (content-type, www-authenticate, location, set-cookie, cache-control, retry-after).',
    ),
    consumerHeader: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9-]+$',
        description: 'Header of its answer that names who calls: a name under consumers (none).',
      }),
    ),
    claims: Type.Optional(
      Type.Record(Type.String({ minLength: 1 }), Type.String({ pattern: '^[A-Za-z0-9-]+$' }), {
        description: 'Claims, and the headers of its answer that have their values (none).',
      }),
    ),
    deadline: Duration('How long it may take; then the call is refused (5s).'),
    cache: Duration(
      'How long an allowance holds for calls that would be asked in the same words (0: never).',
    ),
    ca: Type.Optional(
      Type.String({ description: "Authorities beside the system's, in PEM. Write ${file:path}." }),
    ),
  },
  {
    additionalProperties: false,
    description: 'Asks another server whether a call may pass, by its head.',
  },
);
export type ForwardAuthSettings = Static<typeof ForwardAuthSchema>;
