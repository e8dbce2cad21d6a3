/** A real OpenID provider (oidc-provider), with its own pages for logging in. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import type { webcrypto } from 'node:crypto';

/** The part of it that is used here; it comes without declarations. */
interface ProviderKind {
  new (
    issuer: string,
    configuration: object,
  ): {
    callback(): (request: IncomingMessage, response: ServerResponse) => void;
    on(event: string, listener: (...args: unknown[]) => void): unknown;
  };
}

const load = createRequire(new URL('../clients/package.json', import.meta.url));
const { default: Provider } = load('oidc-provider') as { default: ProviderKind };

export interface Account {
  readonly tenant?: string;
  readonly groups?: readonly string[];
  /** Makes its tokens long. */
  readonly padding?: string;
}

/** Requests below a path are answered so, or not at all. */
export interface Outage {
  readonly path: string;
  readonly status: number | 'silence';
  readonly body?: string;
  readonly type?: string;
}

export interface OpenIdServer {
  readonly issuer: string;
  /** Requests by path. */
  readonly asked: ReadonlyMap<string, number>;
  /** Every request is answered so, until it is null again. */
  outage: Outage | null;
  /** Begins to answer; before, nobody is its client. */
  serve(clients: readonly object[]): void;
  stop(): Promise<void>;
}

export interface OpenIdOptions {
  readonly keys: readonly webcrypto.JsonWebKey[];
  readonly accounts: Readonly<Record<string, Account>>;
  /** Of access tokens of a client. */
  lifeOf(client: string): number;
}

export async function startOpenIdProvider({ keys, accounts, lifeOf }: OpenIdOptions): Promise<OpenIdServer> {
  const asked = new Map<string, number>();
  let outage: Outage | null = null;
  let answer: (request: IncomingMessage, response: ServerResponse) => void = () => undefined;
  const server: Server = createServer((request, response) => {
    const path = request.url!.split('?')[0]!;
    asked.set(path, (asked.get(path) ?? 0) + 1);
    if (outage && path.startsWith(outage.path)) {
      if (outage.status === 'silence') return;
      response.writeHead(outage.status, { 'content-type': outage.type ?? 'text/html' });
      return void response.end(outage.body ?? '<html>');
    }
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const claimsOf = (sub: string) => ({ sub, ...accounts[sub] });
  const ttl = (_: unknown, __: unknown, client: { clientId: string }) => lifeOf(client.clientId);
  const configuration = {
    jwks: { keys },
    cookies: { keys: ['a key of the cookies'] },
    claims: { openid: ['sub', 'tenant', 'groups', 'padding'] },
    conformIdTokenClaims: false,
    findAccount: (_: unknown, sub: string) =>
      Object.hasOwn(accounts, sub) ? { accountId: sub, claims: () => claimsOf(sub) } : undefined,
    pkce: { required: () => true },
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    scopes: ['openid', 'offline_access', 'orders:read'],
    ttl: {
      AccessToken: ttl,
      ClientCredentials: ttl,
      IdToken: 3600,
      RefreshToken: 86_400,
      Session: 86_400,
      Grant: 86_400,
      Interaction: 3600,
    },
    extraTokenClaims: (_: unknown, token: { accountId?: string }) =>
      token.accountId === undefined ? { tenant: 'web' } : claimsOf(token.accountId),
    features: {
      devInteractions: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        useGrantedResource: () => false,
        getResourceServerInfo: (_: unknown, audience: string, client: { clientId: string }) => ({
          scope: 'orders:read',
          audience,
          accessTokenTTL: lifeOf(client.clientId),
          accessTokenFormat: audience.endsWith('/opaque') ? 'opaque' : 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  };
  return {
    issuer,
    asked,
    serve(clients) {
      const provider = new Provider(issuer, { ...configuration, clients });
      provider.on('server_error', (_, error) => console.error(error));
      answer = provider.callback();
    },
    get outage() {
      return outage;
    },
    set outage(now) {
      outage = now;
    },
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
