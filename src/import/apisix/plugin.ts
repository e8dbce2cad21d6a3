import type { Piece } from '../draft.ts';
import type { Fields } from '../fields.ts';
import type { PluginReader } from '../plugin-reader.ts';
import type { RouteParts } from '../route-parts.ts';
import type { ReadUpstream } from './upstreams.ts';

/** Where a plugin stands. */
export interface PluginPlace {
  readonly parts: RouteParts;
  /** Of the route it is on; what the route's pieces are named by. */
  readonly name: string;
  /** As it is written, of the route; empty where it stands on no route. */
  readonly uris: readonly string[];
  /** Is the host written out that the route is for? */
  readonly hasHost: boolean;
  /** Of models, by what they are. */
  readonly providers: Map<string, string>;
  /** Issuers of tokens: consumers that have some. */
  readonly issuers: readonly Piece[];
  upstreamOf(id: string): ReadUpstream | null;
  inlineUpstream(fields: Fields): ReadUpstream | null;
}

export type Plugin = PluginReader<PluginPlace>;
