import type { Piece } from '../draft.ts';
import type { PluginReader } from '../plugin-reader.ts';
import type { RouteParts } from '../route-parts.ts';

/** Where a plugin stands. */
export interface PluginPlace {
  readonly parts: RouteParts;
  /** Of the route it is on. */
  readonly name: string;
  /** Of models, by what they are. */
  readonly providers: Map<string, string>;
  /** Consumers that sign tokens: issuers, each of its own. */
  readonly issuers: readonly Piece[];
}

/** Of a plugin's `config`. */
export type Plugin = PluginReader<PluginPlace>;
