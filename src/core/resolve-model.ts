import type { OpenProvider, ResolvedModel, Snapshot } from './snapshot.ts';

/** Finds models by the name a client uses. Made once for each snapshot. */
export interface ModelIndex {
  find(name: string): ResolvedModel | null;
}

/** Names of models that are on no list are the callers' invention: as many are remembered, and no more. */
const maxRemembered = 1000;

/**
 * In this order: a configured or listed name; `provider/model`; a bare name that begins as one of a provider's do.
 */
export function createModelIndex(snapshot: Snapshot): ModelIndex {
  const known = new Map(Object.entries(snapshot.models));
  const remembered = new Map<string, ResolvedModel | null>();
  return {
    find(name) {
      const exact = known.get(name);
      if (exact) return exact;
      const before = remembered.get(name);
      if (before !== undefined) return before;
      const made = resolveOpen(snapshot.openProviders, name);
      if (remembered.size >= maxRemembered) remembered.clear();
      remembered.set(name, made);
      return made;
    },
  };
}

function resolveOpen(providers: readonly OpenProvider[], name: string): ResolvedModel | null {
  const slash = name.indexOf('/');
  const prefix = name.slice(0, slash);
  const byName = slash > 0 ? providers.find((open) => open.provider.name === prefix) : undefined;
  if (byName) return targetOf(byName, name, name.slice(slash + 1));
  const byPrefix = providers.find((open) => open.modelPrefixes.some((p) => name.startsWith(p)));
  return byPrefix ? targetOf(byPrefix, name, name) : null;
}

function targetOf(open: OpenProvider, name: string, model: string): ResolvedModel | null {
  if (model === '') return null;
  const price = (Object.hasOwn(open.prices, model) ? open.prices[model] : open.prices['*']) ?? null;
  const { provider, defaultMaxOutputTokens } = open;
  return { name, listed: false, targets: [{ provider, model, price, defaultMaxOutputTokens }] };
}
