import Type, { type Static } from 'typebox';

export const MtlsAuthSchema = Type.Object(
  {
    header: Type.Optional(
      Type.Boolean({
        description:
          'Take the certificate that a trusted proxy ending TLS names in Client-Cert (RFC 9440), where the connection itself has none (false).',
      }),
    ),
    optional: Type.Optional(
      Type.Boolean({
        description:
          "Let calls without a certificate pass, as nobody. One that is nobody's here is refused all the same (false).",
      }),
    ),
  },
  {
    additionalProperties: false,
    description: 'Requires the certificate of a consumer, which the client has shown under TLS.',
  },
);
export type MtlsAuthSettings = Static<typeof MtlsAuthSchema>;
