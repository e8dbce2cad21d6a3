import type { FastifyInstance } from 'fastify';
import { Type, type Static } from 'typebox';
import { ControlError, type ControlPlane } from '#core/contracts/control-plane.ts';
import { permissionsOf, reachOf, type Principal } from '#core/principal.ts';
import { cookieOf, csrfTokenOf, endedCookies, sessionCookie, sessionOf } from './session-cookie.ts';
import { closed, Grant, orNull } from './shapes.ts';
import { SignIn } from './sign-in.ts';

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
  expiresAtMs: orNull(Type.Integer()),
});
const Options = Type.Object({ openId: Type.Boolean() });
const Ended = Type.Object({
  endSessionUrl: orNull(Type.String({ description: 'Where to end the session at the provider, too.' })),
});
/** A path here, which no browser takes for another host. */
const SignInQuery = Type.Object(
  { returnTo: Type.Optional(Type.String({ pattern: '^/(?![/\\\\])[\\x21-\\x5b\\x5d-\\x7e]{0,2000}$' })) },
  closed,
);

const journeyCookie = 'sluice-sign-in';
const callbackPath = '/v1/session/callback';

/** Who asks, what it may do; and how people sign in and out. */
export function serveSession(app: FastifyInstance, { access }: Pick<ControlPlane, 'access'>): void {
  const signIn = new SignIn(access);
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
  app.get(
    '/v1/session/options',
    {
      config: { open: true },
      schema: { summary: 'How one can sign in, besides by a token', answer: Options },
    },
    () => ({ openId: access.settings().oidc !== null }),
  );
  app.delete(
    '/v1/session',
    {
      config: { permission: 'self' },
      schema: { summary: 'Ends the session of a browser', status: 200, answer: Ended },
    },
    async ({ principal }, reply) => {
      if (principal!.via !== 'oidc') throw new ControlError(400, 'This is no session: revoke its token.');
      await access.signOut(principal!);
      const endSessionUrl = await signIn.endUrl().catch(() => null);
      return reply.header('set-cookie', [...endedCookies]).send({ endSessionUrl });
    },
  );
  app.get<{ Querystring: Static<typeof SignInQuery> }>(
    '/v1/session/sign-in',
    {
      config: { open: true, fromElsewhere: true },
      schema: { summary: 'Sends a browser to the OpenID provider', querystring: SignInQuery, status: 302 },
    },
    async ({ protocol, headers, query }, reply) => {
      const { url, ticket } = await signIn.begin({
        origin: `${protocol}://${headers.host}`,
        returnTo: query.returnTo ?? '/',
      });
      const secure = protocol === 'https' ? '; Secure' : '';
      const cookie = `${journeyCookie}=${ticket}; Path=${callbackPath}; HttpOnly; SameSite=Lax; Max-Age=600${secure}`;
      return reply.header('set-cookie', cookie).redirect(url);
    },
  );
  app.get(
    callbackPath,
    {
      config: { open: true, fromElsewhere: true },
      schema: { summary: 'Where the provider sends a browser back to', status: 302 },
    },
    async (request, reply) => {
      const { headers, url } = request;
      const at = url.indexOf('?');
      const ticket = cookieOf(headers.cookie, journeyCookie);
      const { person, journey } = await signIn.complete(ticket, at < 0 ? '' : url.slice(at));
      const session = await access.signIn(person);
      if (!session)
        throw new ControlError(
          403,
          'You are known to the provider, and have no role here: ask an owner for one.',
        );
      request.signedIn = await access.admit(session.secret, 'session');
      const maxAgeS = Math.max(1, Math.round((session.expiresAtMs - Date.now()) / 1000));
      const isSecure = journey.redirectUri.startsWith('https:');
      return reply
        .header('set-cookie', [
          sessionCookie(session.secret, { isSecure, maxAgeS }),
          `${journeyCookie}=; Path=${callbackPath}; HttpOnly; SameSite=Lax; Max-Age=0`,
        ])
        .redirect(journey.returnTo);
    },
  );
}

function viewOf(principal: Principal) {
  const { id, name, via, roles, expiresAtMs } = principal;
  const permissions = permissionsOf(principal).map((permission) => {
    const reach = reachOf(principal, permission);
    return [permission, reach === 'all' || reach === null ? null : [...reach]] as const;
  });
  return { id, name, via, roles, expiresAtMs, permissions: Object.fromEntries(permissions) };
}
