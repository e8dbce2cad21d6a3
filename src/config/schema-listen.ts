import Type, { type TSchema } from 'typebox';
import { Http2Schema } from './schema-http2.ts';

const strict = { additionalProperties: false } as const;

const CertificateSchema = Type.Object(
  {
    cert: Type.String({
      minLength: 1,
      title: 'a PEM text',
      description: 'The certificate and those between it and its authority, in PEM. Write ${file:path}.',
    }),
    key: Type.String({
      minLength: 1,
      writeOnly: true,
      title: 'a PEM text',
      description: 'Its private key, in PEM, without a passphrase. Write ${file:path}.',
    }),
    names: Type.Optional(
      Type.Array(
        Type.String({
          pattern: '^(\\*\\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$',
          title: 'a host name, or "*." and one',
        }),
        { minItems: 1, description: "Names it is shown for (the certificate's own)." },
      ),
    ),
  },
  { ...strict, description: 'A certificate to show.' },
);

/** `duration` describes a span of time, as everywhere in the document. */
export function listenSchema<D extends TSchema>(duration: D) {
  const Tls = Type.Object(
    {
      certificates: Type.Array(CertificateSchema, {
        minItems: 1,
        description: 'Chosen by the name the client asks for (SNI); the first is the default.',
      }),
      minVersion: Type.Optional(
        Type.Union([Type.Literal('TLSv1.2'), Type.Literal('TLSv1.3')], {
          description: 'Oldest version of TLS (TLSv1.2).',
        }),
      ),
      unknownNames: Type.Optional(
        Type.Union([Type.Literal('default'), Type.Literal('refuse')], {
          description:
            'Clients that ask for no name, or for one of no certificate: show them the default certificate, or refuse them (default).',
        }),
      ),
      clientAuth: Type.Optional(
        Type.Object(
          {
            ca: Type.String({
              minLength: 1,
              title: 'a PEM text',
              description: "Authorities of clients' certificates, in PEM. Write ${file:path}.",
            }),
            mode: Type.Optional(
              Type.Union([Type.Literal('require'), Type.Literal('request')], {
                description: 'require: no certificate, no connection. request: it may be left out (require).',
              }),
            ),
          },
          { ...strict, description: 'Certificates of clients (mTLS).' },
        ),
      ),
      handshakeTimeout: Type.Optional(duration),
    },
    { ...strict, description: 'TLS ends here.' },
  );
  const Listener = Type.Object(
    {
      host: Type.Optional(
        Type.String({
          minLength: 1,
          description: 'Address to listen on (127.0.0.1); "::" is every address, IPv4 ones too.',
        }),
      ),
      port: Type.Optional(Type.Integer({ minimum: 0, maximum: 65535, description: '8080' })),
      ipv6Only: Type.Optional(Type.Boolean({ description: 'With host "::": no IPv4 (false).' })),
      trustedProxies: Type.Optional(
        Type.Array(Type.String(), {
          description: 'Addresses and CIDR ranges whose X-Forwarded-For, and PROXY header, is believed.',
        }),
      ),
      proxyProtocol: Type.Optional(
        Type.Boolean({
          description:
            'Each connection begins with a PROXY header (version 1 or 2); only trustedProxies may connect (false).',
        }),
      ),
      maxConnections: Type.Optional(
        Type.Integer({ minimum: 0, description: 'Open at once; those above are closed (0, unlimited).' }),
      ),
      tls: Type.Optional(Tls),
      http2: Type.Optional(Http2Schema),
    },
    { ...strict, description: 'Where traffic comes in.' },
  );
  return Type.Union([Listener, Type.Array(Listener, { minItems: 1 })], {
    description: 'Where traffic comes in: one listener, or a list of them.',
  });
}
