import Type from 'typebox';
import { strict } from './schema-parts.ts';

const Host = Type.String({ minLength: 1, maxLength: 253 });
const Port = Type.Integer({ minimum: 0, maximum: 65535 });

export const AdminSchema = Type.Object(
  {
    host: Type.Optional(Host),
    port: Type.Optional(Port),
    hosts: Type.Optional(
      Type.Array(Host, {
        description:
          'Names under which it may be reached, besides IP addresses, localhost and its host (none).',
      }),
    ),
    probes: Type.Optional(
      Type.Object(
        { host: Type.Optional(Host), port: Port },
        {
          ...strict,
          description:
            'A listener that serves /healthz and /readyz without a token, and nothing else (none; host 0.0.0.0).',
        },
      ),
    ),
  },
  { ...strict, description: 'The admin port (127.0.0.1:9080).' },
);
