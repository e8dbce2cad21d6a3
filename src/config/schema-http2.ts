import Type from 'typebox';

export const Http2Schema = Type.Union(
  [
    Type.Boolean(),
    Type.Object(
      {
        maxStreams: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: 10_000,
            description: 'Streams a client may have open at once on a connection (128).',
          }),
        ),
        websocket: Type.Optional(
          Type.Boolean({ description: 'WebSockets as streams of HTTP/2, RFC 8441 (true).' }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  { title: 'true, false or settings of HTTP/2', description: 'HTTP/2 beside HTTP/1.1 (true).' },
);

/** Of a group of upstreams, or a provider. */
export const UpstreamHttp2Schema = Type.Union(
  [Type.Literal('never'), Type.Literal('alpn'), Type.Literal('prior-knowledge')],
  {
    title: 'never, alpn or prior-knowledge',
    description:
      'HTTP/2 to the servers. alpn: where they choose it in the TLS handshake. prior-knowledge: always, over plain connections as well (never).',
  },
);
