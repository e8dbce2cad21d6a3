import type { PolicyKind } from '#core/contracts/policy.ts';
import type { Receipt } from '#core/receipt.ts';
import { describePolicy } from './describe-policy.ts';
import { isPolicy } from './marked-policy.ts';
import { ownPolicyKind, type OwnPolicyParts } from './own-policy-kind.ts';
import type { PolicyDefinition, PolicyReceipt } from './policy-definition.ts';
import { receiptView } from './receipt-view.ts';
import { Strays } from './strays.ts';

/** What whoever tries a policy out needs of it. @throws TypeError for what `definePolicy` has not made. */
export function definitionTools(definition: PolicyDefinition): {
  readonly name: string;
  /** Of its settings. */
  readonly schema: object;
  /** Runs it in this thread, be it isolated or not. What it lets go of is unhandled here, and so is found. */
  kind(parts: Omit<OwnPolicyParts, 'strays'>): PolicyKind;
  receipt(receipt: Receipt): PolicyReceipt;
} {
  if (!isPolicy(definition)) throw new TypeError('expected what definePolicy has made');
  const { name, schema } = describePolicy({ file: '', definition });
  return {
    name,
    schema,
    kind: (parts) => ownPolicyKind(definition, { ...parts, strays: new Strays(() => {}) }),
    receipt: receiptView,
  };
}
