import { matchesPattern } from './name-pattern.ts';
import type { OpenProvider, ResolvedModel, Snapshot } from './snapshot.ts';

/** Finds models by the name a client uses. Made once for each snapshot. */
export interface ModelIndex {
  find(name: string): ResolvedModel | null;
}

const longestName = 256;
const mostRemembered = 1024;

/**
 * Finds a model by name: a listed one, `provider/anything` of an open provider, or a bare name that the prefixes of one
 * open provider claim. Null when nobody claims it, and when two claim it equally: which one would be a guess.
 */
export function resolveModel(
  snapshot: Pick<Snapshot, 'models' | 'openProviders'>,
  name: string,
): ResolvedModel | null {
  if (Object.hasOwn(snapshot.models, name)) return snapshot.models[name]!;
  if (name.length > longestName) return null;
  const slash = name.indexOf('/');
  if (slash < 0) {
    const owner = ownerOf(snapshot.openProviders, name);
    return owner && targetModel(owner, name, name);
  }
  const provider = name.slice(0, slash);
  const model = name.slice(slash + 1);
  const owner = snapshot.openProviders.find((open) => open.provider === provider);
  return owner && model ? targetModel(owner, model, name) : null;
}

/** Remembers what it found, up to a bound, so that the names callers invent cannot fill the memory. */
export function createModelIndex(snapshot: Pick<Snapshot, 'models' | 'openProviders'>): ModelIndex {
  const found = new Map<string, ResolvedModel>();
  return {
    find(name) {
      if (Object.hasOwn(snapshot.models, name)) return snapshot.models[name]!;
      const known = found.get(name);
      if (known) return known;
      const model = resolveModel(snapshot, name);
      if (!model) return null;
      if (found.size === mostRemembered) found.delete(found.keys().next().value!);
      found.set(name, model);
      return model;
    },
  };
}

/** The provider whose prefix says most about the name; null when two say as much. */
function ownerOf(providers: readonly OpenProvider[], name: string): OpenProvider | null {
  let owner: OpenProvider | null = null;
  let length = 0;
  for (const provider of providers) {
    for (const prefix of provider.modelPrefixes) {
      if (prefix.length < length || !name.startsWith(prefix)) continue;
      if (prefix.length > length) owner = provider;
      else if (owner !== provider) owner = null;
      length = prefix.length;
    }
  }
  return owner;
}

function targetModel(owner: OpenProvider, model: string, name: string): ResolvedModel {
  const rule = owner.prices.find(({ pattern }) => matchesPattern(pattern, model));
  return { name, listed: false, targets: [{ ...owner.target, model, price: rule?.price ?? null }] };
}
