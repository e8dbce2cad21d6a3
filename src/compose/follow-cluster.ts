import type { ConfigStore } from '#core/contracts/config-store.ts';
import { listenForVersions } from '#storage/distributed/listen-for-versions.ts';
import type { LoadedConfig } from './configuration.ts';
import { VersionFollower } from './follow-versions.ts';
import { keepLastGood } from './last-good.ts';
import type { Reloader } from './reloader.ts';

export interface ClusterParts {
  readonly first: LoadedConfig;
  readonly versions: ConfigStore;
  readonly reloader: Reloader;
}

export interface Following {
  /** Why the master could not be asked last; null: it could. */
  readonly failure: string | null;
  close(): Promise<void>;
}

/** Takes up what any node of the cluster applies, as it is announced, and keeps the last that was good. */
export function followCluster({ first, versions, reloader }: ClusterParts): Following {
  const { shared, snapshot, stateDirectory } = first;
  if (shared && shared.version > 0) keepLastGood(stateDirectory, shared);
  const follower = new VersionFollower({
    versions,
    inForce: () => reloader.current.shared?.version ?? 0,
    take: ({ text, version }) => reloader.takeShared({ text, version }),
  });
  const news = listenForVersions(snapshot.storage.postgres!, () => follower.look());
  return {
    get failure() {
      return follower.failure;
    },
    async close() {
      await news.close();
      await follower.close();
    },
  };
}
