import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { ControlPlane } from '#core/contracts/control-plane.ts';
import { permissionsOf, reachOf, type Principal } from '#core/principal.ts';
import { csrfTokenOf, sessionOf } from './session-cookie.ts';
import { Grant, orNull } from './shapes.ts';

const Session = Type.Object({
  id: Type.String(),
  name: Type.String(),
  via: Type.String(),
  roles: Type.Array(Grant),
  permissions: Type.Record(Type.String(), orNull(Type.Array(Type.String())), {
    description: 'Teams that each is had for; null: everywhere.',
  }),
  csrf: orNull(
    Type.String({ description: 'What a browser says as x-sluice-csrf with what changes something.' }),
  ),
});

/** Who asks, and what it may do. */
export function serveSession(app: FastifyInstance, _control: ControlPlane): void {
  app.get(
    '/v1/session',
    {
      config: { permission: 'self' },
      schema: { summary: 'Who one is, and what one may do', answer: Session },
    },
    ({ principal, headers }) => {
      const secret = principal!.via === 'oidc' ? sessionOf(headers.cookie) : null;
      return { ...viewOf(principal!), csrf: secret && csrfTokenOf(secret) };
    },
  );
}

function viewOf(principal: Principal) {
  const { id, name, via, roles } = principal;
  const permissions = permissionsOf(principal).map((permission) => {
    const reach = reachOf(principal, permission);
    return [permission, reach === 'all' || reach === null ? null : [...reach]] as const;
  });
  return { id, name, via, roles, permissions: Object.fromEntries(permissions) };
}
