import { createServer, type RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { pathToFileURL } from 'node:url';

export interface OpenIdProvider {
  readonly issuer: string;
  /** Whoever may send browsers to it. Once, before the first of them. */
  register(client: {
    readonly id: string;
    readonly secret: string;
    readonly redirectUris: readonly string[];
  }): void;
  close(): Promise<void>;
}

interface Account {
  readonly [claim: string]: unknown;
}

/** The provider of the package oidc-provider, certified by the OpenID Foundation. Anybody may sign in, by a name alone. */
export async function startOpenIdProvider(
  accounts: Readonly<Record<string, Account>>,
): Promise<OpenIdProvider> {
  const require = createRequire(new URL('../clients/package.json', import.meta.url));
  // Its types come apart from it.
  const { Provider } = (await import(pathToFileURL(require.resolve('oidc-provider')).href)) as {
    Provider: new (issuer: string, settings: object) => { callback(): RequestListener };
  };
  let answer: RequestListener = (_, response) => void response.writeHead(503).end();
  const server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    issuer,
    register({ id, secret, redirectUris }) {
      const provider = new Provider(issuer, {
        clients: [{ client_id: id, client_secret: secret, redirect_uris: redirectUris }],
        claims: { email: ['email', 'email_verified'], profile: ['name', 'groups'] },
        cookies: { keys: ['of-a-test'] },
        features: { rpInitiatedLogout: { enabled: true } },
        findAccount: (_: unknown, accountId: string) =>
          Object.hasOwn(accounts, accountId)
            ? { accountId, claims: () => ({ sub: accountId, ...accounts[accountId] }) }
            : undefined,
      });
      answer = provider.callback();
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}
