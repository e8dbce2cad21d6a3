import type { PolicyFiles } from '#core/policy-files.ts';
import type { PolicySchemas } from '#config/schema.ts';
import { describedKinds } from '#extensions/index.ts';
import type { PolicyKinds } from '#pipeline/compile-routes.ts';
import { policyKinds } from '#policies/index.ts';
import { policySchemas } from '#policies/schemas.ts';

/** What every kind takes, those of the operator's own among them. */
export const schemasWith = (own: PolicyFiles | null): PolicySchemas =>
  own === null
    ? policySchemas
    : new Map([...policySchemas, ...own.kinds.map(({ name, schema }) => [name, schema] as const)]);

/** Every kind; those of the operator's own to be looked at only. */
export const describedPolicyKinds = (own: PolicyFiles | null): PolicyKinds =>
  own === null ? policyKinds : new Map([...policyKinds, ...describedKinds(own)]);
