import type { ResolvedModel, Snapshot } from './snapshot.ts';

/** Finds models by the name a client uses. Made once for each snapshot. */
export interface ModelIndex {
  find(name: string): ResolvedModel | null;
}

export function createModelIndex(snapshot: Snapshot): ModelIndex {
  return { find: (name) => (Object.hasOwn(snapshot.models, name) ? snapshot.models[name]! : null) };
}
