import type { OpenProvider, ResolvedModel, Snapshot } from './snapshot.ts';

/** Finds models by the name a client uses. Made once for each snapshot. */
export interface ModelIndex {
  find(name: string): ResolvedModel | null;
}

type Models = Pick<Snapshot, 'models' | 'openProviders'>;

/** Names of models that are on no list are the callers' invention: as many are remembered, and no more. */
const maxRemembered = 1000;
const maxNameLength = 256;

/**
 * In this order: a configured or listed name; `provider/anything`; a bare name that begins as one provider's do. Null
 * when nobody claims the name, and when two claim it equally: which one would be a guess.
 */
export function resolveModel({ models, openProviders }: Models, name: string): ResolvedModel | null {
  if (Object.hasOwn(models, name)) return models[name]!;
  if (name.length > maxNameLength) return null;
  const slash = name.indexOf('/');
  const prefix = name.slice(0, slash);
  const byName = slash > 0 ? openProviders.find((open) => open.provider.name === prefix) : undefined;
  if (byName) return targetOf(byName, name, name.slice(slash + 1));
  const byPrefix = ownerOf(openProviders, name);
  return byPrefix && targetOf(byPrefix, name, name);
}

/** Remembers what it found, up to a bound. */
export function createModelIndex(snapshot: Models): ModelIndex {
  const known = new Map(Object.entries(snapshot.models));
  const remembered = new Map<string, ResolvedModel>();
  return {
    find(name) {
      const before = known.get(name) ?? remembered.get(name);
      if (before) return before;
      const made = resolveModel(snapshot, name);
      if (!made) return null;
      if (remembered.size >= maxRemembered) remembered.clear();
      remembered.set(name, made);
      return made;
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

function targetOf(open: OpenProvider, name: string, model: string): ResolvedModel | null {
  if (model === '') return null;
  const isKnown = model !== '*' && Object.hasOwn(open.prices, model);
  const price = (isKnown ? open.prices[model] : open.prices['*']) ?? null;
  const { provider, defaultMaxOutputTokens } = open;
  const countedAs = `${provider.name}/${isKnown ? model : '*'}`;
  const targets = [{ provider, model, price, defaultMaxOutputTokens }];
  return { name, listed: false, countedAs, knownAs: [model, `${provider.name}/${model}`], targets };
}
