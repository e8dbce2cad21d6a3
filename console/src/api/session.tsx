import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import { Api, ApiError } from './client.ts';
import type { Identity } from './shapes.ts';

interface Session {
  readonly api: Api;
  readonly identity: Identity;
  /** Has one a permission, anywhere? The API is asked all the same, and refuses by itself. */
  may(permission: string): boolean;
  signOut(): void;
}

interface Doors {
  readonly api: Api;
  signIn(token: string): Promise<void>;
}

const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('Nobody is signed in here.');
  return session;
}

interface Props {
  readonly children: ReactNode;
  readonly signedOut: (doors: Doors) => ReactNode;
  readonly waiting: ReactNode;
}

/** Shows its children to whoever is signed in. */
export function SessionGate({ children, signedOut, waiting }: Props) {
  const [api] = useState(() => new Api());
  const [identity, setIdentity] = useState<Identity | null | 'asking'>('asking');
  const queries = useQueryClient();

  useEffect(() => {
    api.onSignedOut = () => setIdentity(null);
    api.identify().then(setIdentity, (error: unknown) => {
      setIdentity(null);
      // Anything else is seen again at the attempt to sign in.
      if (!(error instanceof ApiError)) console.error(error);
    });
  }, [api]);

  const session = useMemo((): Session | null => {
    if (identity === null || identity === 'asking') return null;
    return {
      api,
      identity,
      may: (permission) => Object.hasOwn(identity.permissions, permission),
      signOut() {
        void api.signOut().then((url) => {
          queries.clear();
          setIdentity(null);
          if (url) location.assign(url);
        });
      },
    };
  }, [api, identity, queries]);

  if (identity === 'asking') return waiting;
  if (!session) {
    const signIn = async (token: string) => setIdentity(await api.signIn(token));
    return signedOut({ api, signIn });
  }
  return <SessionContext value={session}>{children}</SessionContext>;
}
