import Type, { type TSchema } from 'typebox';

/** Pieces that several parts of the schema are made of. */

export const strict = { additionalProperties: false } as const;
export const Duration = Type.Union(
  [Type.String({ pattern: '^\\d{1,9}(ms|s|min|h|d)$' }), Type.Integer({ minimum: 0 })],
  {
    title: 'a duration such as "30s", "500ms" or "5min"',
    description: 'A span of time: "500ms", "30s", "5min", "1h", "7d"; a bare number is milliseconds.',
  },
);
export const TimeoutsSchema = Type.Object(
  {
    connect: Type.Optional(Duration),
    header: Type.Optional(Duration),
    idle: Type.Optional(Duration),
    total: Type.Optional(Duration),
  },
  {
    ...strict,
    description:
      'connect: until a connection stands (5s). header: from the end of the request to the status line (300s for models, 60s else). idle: between two reads (120s). total: of the whole attempt (0, unlimited).',
  },
);
export const Size = Type.Union(
  [Type.String({ pattern: '^\\d{1,6}(B|KiB|MiB|GiB)$' }), Type.Integer({ minimum: 0 })],
  {
    title: 'a size such as "32MiB" or "64KiB"',
    description: 'A size: "64KiB", "32MiB", "1GiB"; a bare number is bytes.',
  },
);
const host = '(?:\\[[0-9A-Fa-f:.]+\\]|[^\\s/?#@:\\[\\]]+)';
const port = '(?:[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])';
export const HttpUrl = Type.String({
  pattern: `^https?://${host}(:${port})?(/[^\\s?#]*)?$`,
  title: 'an http or https URL without credentials and query',
  description: 'An absolute http or https URL without query.',
});
export const Headers = Type.Record(
  Type.String({ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$" }),
  Type.String({
    pattern: '^[\\t\\x20-\\x7e\\x80-\\xff]*$',
    writeOnly: true,
    title: 'a header value on one line',
  }),
  { ...strict, 'x-keys': 'a header name', description: 'Header names and values.' },
);

/** How a server is to prove who it is, and the gateway to it. */
export const ClientTlsSchema = Type.Object(
  {
    ca: Type.Optional(Type.String()),
    cert: Type.Optional(Type.String()),
    key: Type.Optional(
      Type.String({
        writeOnly: true,
        minLength: 1,
        title: 'a PEM text',
        description: 'Private key of the certificate.',
      }),
    ),
  },
  {
    ...strict,
    description: 'PEM texts: extra authorities, and a certificate to show. Write ${file:path}.',
  },
);

/** A member's part in its group. */
export const shareFields = {
  weight: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 1000, description: 'Share of the traffic; 0 takes none (1).' }),
  ),
  priority: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 100,
      description: 'Targets of a lower number come first; the next ones take over as those fail (0).',
    }),
  ),
};
export const UpstreamTarget = Type.Object(
  { url: HttpUrl, ...shareFields },
  { ...strict, title: '{ url: … }' },
);
/** Members as a file or an endpoint lists them, and as `targets` does. */
export const MemberListSchema = Type.Array(Type.Union([HttpUrl, UpstreamTarget]), {
  minItems: 1,
  description: 'The servers: URLs, or URLs with weight and priority.',
});

const namePattern = '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$';
const nameTitle = 'a name of letters, digits, ".", "_" and "-"';
export const name = (description: string) =>
  Type.String({ pattern: namePattern, title: nameTitle, description });
/** Entries by their names. A title is what a message says was expected; x-keys, what it calls the names. */
export const named = <S extends TSchema>(schema: S, description: string) =>
  Type.Record(Type.String({ pattern: namePattern }), schema, { ...strict, 'x-keys': nameTitle, description });
/** Write-only: never shown, in no message and by no API. */
export const secret = (title: string, description: string) =>
  Type.String({ minLength: 1, writeOnly: true, title, description });

export const LogSchema = Type.Object(
  { access: Type.Optional(Type.Boolean({ description: 'One line for each exchange on stdout (true).' })) },
  strict,
);
