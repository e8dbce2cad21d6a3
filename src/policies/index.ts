import type { PolicyKind } from '#core/contracts/policy.ts';
import { keyAuth } from './key-auth/index.ts';
import { modelAccess } from './model-access/index.ts';
import { rateLimit } from './rate-limit/index.ts';

/** Every kind of policy, by the name a configuration uses. */
export const policyKinds: ReadonlyMap<string, PolicyKind> = new Map(
  ([keyAuth, modelAccess, rateLimit] as PolicyKind[]).map((kind) => [kind.name, kind]),
);
