import type { Policy, PolicyKind, PolicyServices } from '#core/contracts/policy.ts';
import { headKey } from '#core/head-key.ts';
import { Meter } from '#core/meter.ts';
import { resolveModel } from '#core/resolve-model.ts';
import type { PolicyUse, Route, Snapshot, SplitPart } from '#core/snapshot.ts';
import type { CompiledPart, CompiledRoute } from './gateway.ts';
import { onlyWhen } from './only-when.ts';
import { createHeadTests } from './head-test.ts';

export type PolicyKinds = ReadonlyMap<string, PolicyKind>;
/** What all policies of a snapshot are given alike. */
export type SharedServices = Omit<PolicyServices, 'instance' | 'create'>;

/**
 * Makes the routes' policies. A policy that several routes share (the default list) is one object, so that its limits
 * are one limit.
 * @throws Error when a policy's kind is unknown or refuses its settings: the snapshot must not be used.
 */
export function compileRoutes(
  snapshot: Snapshot,
  kinds: PolicyKinds,
  services: SharedServices,
): CompiledRoute[] {
  const made = new Map<string, Policy>();
  const policyFor = (use: PolicyUse): Policy => {
    const known = made.get(use.instance);
    if (known) return known;
    const bare = createPolicy(use, kinds, services);
    const missing = bare.usesModels?.find((name) => !resolveModel(snapshot, name));
    if (missing !== undefined) throw new Error(`${use.instance}: there is no model "${missing}"`);
    const policy = use.when === undefined ? bare : onlyWhen(bare, services.rule(use.when));
    made.set(use.instance, policy);
    return policy;
  };
  const headTestOf = createHeadTests();
  const hooks = new Map<readonly PolicyUse[], Hooks>();
  const hooksFor = (uses: readonly PolicyUse[]): Hooks => {
    let known = hooks.get(uses);
    if (!known) hooks.set(uses, (known = hooksOf(uses.map(policyFor))));
    return known;
  };
  const families = new Map<string, CompiledRoute[]>();
  for (const { match } of snapshot.routes) if (match.call) families.set(headKey(match), []);
  return snapshot.routes.map((route) => {
    const siblings = families.size > 0 ? (families.get(headKey(route.match)) ?? null) : null;
    const hooksOfRoute = hooksFor(route.policies);
    const misplaced =
      route.kind === 'llm' && hooksOfRoute.policies.find(({ httpOnly }) => httpOnly !== undefined);
    if (misplaced) throw new Error(`route "${route.name}": ${misplaced.name}: ${misplaced.httpOnly}`);
    const [rewriter] = hooksOfRoute.rewriteAnswer;
    const again = rewriter && hooksOfRoute.policies.find(({ givesAgain }) => givesAgain);
    if (again)
      throw new Error(
        `route "${route.name}": ${again.name} gives answers as they came, and ${rewriter.name} changes them`,
      );
    const headTest = headTestOf(route.match);
    const parts =
      route.kind === 'split' ? route.parts.map((part) => partOf(part, hooksOfRoute, headTestOf)) : null;
    const compiled = { route, ...hooksOfRoute, headTest, siblings, parts, meter: meterOf(route) };
    siblings?.push(compiled);
    return compiled;
  });
}

function createPolicy(
  { kind: name, instance, settings }: PolicyUse,
  kinds: PolicyKinds,
  services: SharedServices,
): Policy {
  const kind = kinds.get(name);
  if (!kind) throw new Error(`unknown policy "${name}"`);
  return kind.create(settings, {
    ...services,
    instance,
    create: (part, of) =>
      createPolicy({ kind: part, instance: `${instance}/${part}`, settings: of }, kinds, services),
  });
}

const meterOf = (route: Route): Meter | null =>
  route.kind === 'http' && route.meter ? new Meter(route.meter) : null;

type Hooks = Omit<CompiledRoute, 'route' | 'headTest' | 'siblings' | 'parts' | 'meter'>;

function partOf(
  { name, weight, when, route }: SplitPart,
  hooks: Hooks,
  headTestOf: ReturnType<typeof createHeadTests>,
): CompiledPart {
  const anything = { ...route.match, path: '/**', conditions: when, clients: null };
  return {
    name,
    weight,
    when: when.length > 0 ? headTestOf(anything) : null,
    compiled: { route, ...hooks, headTest: null, siblings: null, parts: null, meter: meterOf(route) },
  };
}

function hooksOf(policies: readonly Policy[]): Hooks {
  const having = (hook: keyof Policy) => policies.filter((policy) => policy[hook] !== undefined);
  return {
    policies,
    onHead: having('onHead'),
    readsBody: having('readsBody'),
    rewriteBody: having('rewriteBody'),
    rewriteAnswer: having('rewriteAnswer'),
    onCall: having('onCall'),
    limits: having('limits'),
    targetLimits: having('targetLimits'),
    queue: policies.find(({ queue }) => queue !== undefined)?.queue ?? null,
    onAnswer: having('onAnswer'),
    openAnswer: having('openAnswer'),
    encodeAnswer: having('encodeAnswer'),
    judgeAnswer: having('judgeAnswer'),
    onSettled: having('onSettled'),
    allowsModel: having('allowsModel'),
    allowsTool: having('allowsTool'),
  };
}
