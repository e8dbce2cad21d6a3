import type { ConfigDifference, ConfigMasterKind } from '../config-difference.ts';

/** Parts of the configuration document that can be read and changed one by one. */
export const resourceKinds = [
  'routes',
  'upstreams',
  'providers',
  'models',
  'teams',
  'projects',
  'consumers',
  'keys',
] as const;
export type ResourceKind = (typeof resourceKinds)[number];

export interface Resource {
  readonly name: string;
  /** As it is written, but for secrets, which are `[hidden]` unless they are references. */
  readonly value: unknown;
  /** Changes whenever it does. */
  readonly etag: string;
  /** Whose it is; null: everybody's. */
  readonly team: string | null;
}

export interface ResourceWish {
  readonly kind: ResourceKind;
  readonly name: string;
  /** `[hidden]` stands for what is there already; undefined: it is to be removed. */
  readonly value: unknown;
  /** The etag that it must have; null: there must be none of its name. */
  readonly match: string | null;
  /** Of a new route: the one that it comes before; absent: it is the last. */
  readonly before?: string;
  /** May it refer to the environment and to files? */
  readonly mayRefer: boolean;
  readonly dryRun: boolean;
  readonly author: string;
}

export interface ResourceChange {
  readonly dryRun: boolean;
  readonly master: ConfigMasterKind;
  readonly changes: readonly ConfigDifference[];
  /** Of the document that was made of it; null: none was. */
  readonly version: number | null;
  /** Why this node keeps the version before; null: it does not. */
  readonly refusal: string | null;
  /** Of the resource from now on; null: it is gone. */
  readonly etag: string | null;
}

export interface ResourceControl {
  /** In the order of the document. */
  list(kind: ResourceKind): readonly Resource[];
  read(kind: ResourceKind, name: string): Resource | null;
  /** The team that a value would be of. */
  teamOf(kind: ResourceKind, name: string, value: unknown): string | null;
  /**
   * @throws ControlError 400 with `findings`, 403 for references that it must not have, 404, 409 with `changes` where
   * another is the master, 412 when it is not as `match` says, 503.
   */
  change(wish: ResourceWish): Promise<ResourceChange>;
}
