/**
 * `sluice/policy`, version 1: what policies of one's own are written against. Within a version nothing here is taken away or
 * changes its meaning; docs/writing-policies.md tells the story.
 *
 * What a policy sees is this facade, never the gateway's own objects.
 */
import Type, { type Static, type TSchema } from 'typebox';
import { markPolicy } from './marked-policy.ts';
import type { PolicyDefinition } from './policy-definition.ts';

export { Type, type Static, type TSchema };
export type * from './policy-definition.ts';
export type * from './policy-events.ts';
export type * from './policy-conversation.ts';
export { TextHold } from './text-hold.ts';

/**
 * Checks a definition: `export default definePolicy({ … })`.
 * @throws TypeError that says what is wrong with it.
 */
export function definePolicy<const Schema extends TSchema, State = undefined>(
  definition: PolicyDefinition<Schema, State>,
): PolicyDefinition<Schema, State> {
  return markPolicy(definition);
}
