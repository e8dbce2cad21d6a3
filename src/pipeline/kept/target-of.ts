import type { Obligation } from '#core/contracts/keeper.ts';
import type { Provider, Target } from '#core/target.ts';
import type { Gateway } from '../gateway.ts';

/** Where its answer came from, and what that costs now. */
export function targetOf(
  { models }: Gateway,
  { requestedModel, model, provider: name }: Pick<Obligation, 'requestedModel' | 'model' | 'provider'>,
  provider: Provider,
): Target {
  const fits = (target: Target) => target.provider.name === name && target.model === model;
  const found = [requestedModel, `${name}/${model}`]
    .flatMap((known) => models.find(known)?.targets ?? [])
    .find(fits);
  return found ?? { provider, model, price: null, defaultMaxOutputTokens: 0 };
}
