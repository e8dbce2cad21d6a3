import type { TargetPool } from '#core/contracts/target-pool.ts';
import { Fault } from '#core/fault.ts';
import type { Target } from '#core/target.ts';
import type { Gateway } from '../gateway.ts';
import type { ModelCall } from '../model-call.ts';

/** Ids of the members that do not hold what the call names. @throws Fault where none does. */
export function elsewhere(
  gateway: Gateway,
  { members }: TargetPool<Target>,
  { holder, dialect, model }: ModelCall,
): readonly string[] {
  if (holder === null) return [];
  const holds = ({ provider }: Target) =>
    provider.name === holder && gateway.speaking(provider, dialect)?.dialect === dialect.name;
  const others = members.filter(({ target }) => !holds(target));
  if (others.length < members.length) return others.map(({ id }) => id);
  throw new Fault(
    'request/invalid-field',
    `What the call names is kept at the provider "${holder}", which does not serve "${model.name}" in ${dialect.name}. ` +
      'Name a model of that provider.',
    { field: 'model' },
  );
}
