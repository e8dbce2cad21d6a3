import { isObject } from '#core/read-json.ts';
import { span, type Piece } from '../draft.ts';
import type { Fields } from '../fields.ts';

const strategies: Readonly<Record<string, string>> = {
  'simple-shuffle': 'round-robin',
  'least-busy': 'least-connections',
  'usage-based-routing': 'quota',
  'usage-based-routing-v2': 'quota',
  'latency-based-routing': 'latency',
  'cost-based-routing': 'cost',
};

export interface Router {
  /** Of every model. */
  readonly pool: Piece;
  /** Other names, and whose they are. */
  readonly aliases: readonly [string, string][];
  /** Groups that take over, in their order. */
  fallbacksOf(group: string): readonly string[];
}

/** `router_settings`, and what of `litellm_settings` says the same. */
export function readRouter(root: Fields): Router {
  const router = root.within('router_settings');
  const settings = root.within('litellm_settings');
  const amount = (key: string): number | undefined => {
    const of = [router?.amount(key), settings?.amount(key)];
    return of.find((each) => each !== undefined);
  };
  const wanted = router?.text('routing_strategy') ?? 'simple-shuffle';
  const strategy = Object.hasOwn(strategies, wanted) ? strategies[wanted]! : 'round-robin';
  if (!Object.hasOwn(strategies, wanted)) router!.notCarried('routing_strategy', 'round-robin is taken');
  else if (router?.has('routing_strategy')) router.differs('routing_strategy', `strategy: ${strategy}`);
  const retries = amount('num_retries');
  const fails = amount('allowed_fails');
  const coolDown = amount('cooldown_time');
  const failures = fails === undefined ? {} : { failures: Math.floor(fails) + 1 };
  const eject = coolDown ? { eject: span(coolDown) } : {};
  const passive = { ...failures, ...eject };
  const fallbacks = new Map<string, string[]>();
  for (const from of [router, settings]) readFallbacks(from, fallbacks);
  const others = [
    ...(router?.texts('default_fallbacks') ?? []),
    ...(settings?.texts('default_fallbacks') ?? []),
  ];
  const aliases = readAliases(router);
  if (settings?.has('drop_params'))
    settings.differs(
      'drop_params',
      'what a target cannot carry is dropped, and said in a header; see strict',
    );
  router?.restNotCarried('see docs/model-routing.md, docs/retries.md and storage.redis');
  settings?.restNotCarried('see docs/model-routing.md, docs/telemetry.md and the policies');
  return {
    pool: {
      strategy,
      ...(retries === undefined ? {} : { retries: { attempts: Math.min(10, Math.floor(retries) + 1) } }),
      ...(Object.keys(passive).length > 0 ? { health: { passive } } : {}),
    },
    aliases,
    fallbacksOf: (group) => fallbacks.get(group) ?? others.filter((other) => other !== group),
  };
}

/** `[{ group: [group, …] }, …]`. */
function readFallbacks(from: Fields | null, into: Map<string, string[]>): void {
  for (const each of from?.each('fallbacks') ?? []) {
    for (const group of each.keys) into.set(group, each.texts(group) ?? []);
    each.close('models: targets of a later priority');
  }
}

function readAliases(router: Fields | null): [string, string][] {
  const aliases = router?.within('model_group_alias');
  const found = (aliases?.keys ?? []).flatMap((alias): [string, string][] => {
    const value = aliases!.take(alias);
    const group = isObject(value) ? value['model'] : value;
    if (typeof group === 'string') return [[alias, group]];
    aliases!.notCarried(alias, 'expected a group of models');
    return [];
  });
  aliases?.close('models');
  return found;
}
