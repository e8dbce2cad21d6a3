import { useEffect, useState } from 'react';
import { ApiError } from '../api/client.ts';
import { useSession } from '../api/session.tsx';
import type { LiveFigures } from '../api/shapes.ts';

const kept = 300;
const againMs = 2_000;

export interface Live {
  /** The last five minutes, the oldest first. */
  readonly seconds: readonly LiveFigures[];
  /** Why nothing comes; null: it does. */
  readonly broken: Error | null;
}

/** What passes, second by second. The feed ends each minute, and is asked for again. */
export function useLive(isPaused: boolean): Live {
  const { api } = useSession();
  const [live, setLive] = useState<Live>({ seconds: [], broken: null });
  useEffect(() => {
    if (isPaused) return undefined;
    const ended = new AbortController();
    const follow = async () => {
      while (!ended.signal.aborted) {
        try {
          for await (const figures of api.follow<LiveFigures>('/v1/live', ended.signal))
            if (figures.overMs > 0)
              setLive(({ seconds }) => ({ seconds: [...seconds, figures].slice(-kept), broken: null }));
        } catch (error) {
          if (ended.signal.aborted) return;
          setLive(({ seconds }) => ({ seconds, broken: error as Error }));
          if (error instanceof ApiError && error.status < 500) return;
          await new Promise((resolve) => setTimeout(resolve, againMs));
        }
      }
    };
    void follow();
    return () => ended.abort();
  }, [api, isPaused]);
  return live;
}
