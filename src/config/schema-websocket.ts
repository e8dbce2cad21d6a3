import Type, { type Static, type TSchema } from 'typebox';

/** How an http route relays WebSockets. Spans and sizes are the configuration's own kinds. */
export const webSocketSchema = <D extends TSchema, S extends TSchema>(duration: D, size: S) =>
  Type.Object(
    {
      origins: Type.Optional(
        Type.Array(Type.String({ minLength: 1 }), {
          description:
            'Origins of pages that may open one, such as https://app.example.com or https://*.example.com (any).',
        }),
      ),
      maxMessage: Type.Optional(size),
      idleTimeout: Type.Optional(duration),
      ping: Type.Optional(duration),
      controlFrames: Type.Optional(
        Type.Integer({
          minimum: 1,
          description: 'Pings, pongs and closes a side may send within a second (100).',
        }),
      ),
      compression: Type.Optional(
        Type.Union([Type.Literal('pass'), Type.Literal('strip')], {
          description: 'strip: do not let the two sides agree on compressed messages (pass).',
        }),
      ),
    },
    { additionalProperties: false, description: 'How WebSockets are relayed.' },
  );

const anything = Type.Union([Type.String(), Type.Integer()]);
const shape = webSocketSchema(anything, anything);
export type WebSocketSettings = Static<typeof shape>;
