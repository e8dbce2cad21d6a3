import type { Dialect } from '#core/contracts/dialect.ts';
import type { Policy, PolicyKind, PolicyServices } from '#core/contracts/policy.ts';
import type { PolicyUse, Snapshot } from '#core/snapshot.ts';
import type { CompiledRoute, OperationOwner } from './gateway.ts';

export type PolicyKinds = ReadonlyMap<string, PolicyKind>;

/**
 * Makes the routes' policies. A policy that several routes share (the default list) is one object, so that its limits
 * are one limit.
 * @throws Error when a policy's kind is unknown or refuses its settings: the snapshot must not be used.
 */
export function compileRoutes(
  snapshot: Snapshot,
  kinds: PolicyKinds,
  services: Omit<PolicyServices, 'instance'>,
): CompiledRoute[] {
  const made = new Map<string, Policy>();
  const policyFor = (use: PolicyUse): Policy => {
    const known = made.get(use.instance);
    if (known) return known;
    const kind = kinds.get(use.kind);
    if (!kind) throw new Error(`unknown policy "${use.kind}"`);
    const policy = kind.create(use.settings, { ...services, instance: use.instance });
    made.set(use.instance, policy);
    return policy;
  };
  return snapshot.routes.map((route) => {
    const policies = route.policies.map(policyFor);
    const having = (hook: keyof Policy) => policies.filter((policy) => policy[hook] !== undefined);
    return {
      route,
      policies,
      onHead: having('onHead'),
      onCall: having('onCall'),
      onAnswer: having('onAnswer'),
      openAnswer: having('openAnswer'),
      onSettled: having('onSettled'),
      allowsModel: having('allowsModel'),
    };
  });
}

/** Which dialects own a method and path: `POST /v1/messages`. In the dialects' order. */
export function indexOperations(dialects: Iterable<Dialect>): Map<string, OperationOwner[]> {
  const index = new Map<string, OperationOwner[]>();
  for (const dialect of dialects) {
    for (const operation of dialect.client.operations) {
      const name = `${operation.method} ${operation.path}`;
      const owners = index.get(name);
      if (owners) owners.push({ dialect, operation });
      else index.set(name, [{ dialect, operation }]);
    }
  }
  return index;
}
