import { Type, type Static } from 'typebox';

const encoding = Type.Union([Type.Literal('zstd'), Type.Literal('br'), Type.Literal('gzip')]);

/** What `compression` takes in a configuration. */
export const CompressionSchema = Type.Object(
  {
    encodings: Type.Optional(
      Type.Array(encoding, {
        minItems: 1,
        uniqueItems: true,
        description:
          'What may be used; where a client likes several equally, the first of them (zstd, br, gzip).',
      }),
    ),
    types: Type.Optional(
      Type.Array(Type.String({ pattern: '^([a-z0-9]+/([a-z0-9][a-z0-9.+-]*|\\*)|\\+[a-z0-9]+)$' }), {
        minItems: 1,
        description:
          'Media types that are compressed: text/css; text/* for all texts; +json for all that end so. Event streams and ' +
          'gRPC never are. (text/*, JSON, XML, JavaScript, WebAssembly, SVG)',
      }),
    ),
    minBytes: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000_000_000,
        description:
          'Shorter answers are left alone (1024). One whose length is not known beforehand is compressed.',
      }),
    ),
    level: Type.Optional(
      Type.Union([Type.Literal('fast'), Type.Literal('balanced'), Type.Literal('small')], {
        description: 'What is worth more, time or bytes (balanced).',
      }),
    ),
  },
  {
    additionalProperties: false,
    description: 'Compresses answers by what the client accepts: zstd, br or gzip. Never event streams.',
  },
);
export type CompressionSettings = Static<typeof CompressionSchema>;
