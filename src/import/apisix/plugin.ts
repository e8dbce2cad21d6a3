import type { Piece } from '../draft.ts';
import type { Fields } from '../fields.ts';
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

/** Says of each key of a plugin what becomes of it. */
export type Plugin = (fields: Fields, at: PluginPlace) => void;

/** What this product has in its own ways, or has not; with the reason, and what to do. */
export const without =
  (note: string): Plugin =>
  (fields) =>
    fields.restNotCarried(note);

/** The same of one without which the route would let pass what it must not. */
export const guarding =
  (note: string): Plugin =>
  (fields, { parts }) => {
    parts.unsafe ??= note;
    fields.restNotCarried(`${note}; the route answers 501 until it is put right`);
  };
