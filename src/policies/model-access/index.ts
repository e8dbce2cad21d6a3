import type { Policy, PolicyKind } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { matchesAny } from '#core/name-pattern.ts';
import type { ModelAccessSettings } from './schema.ts';

/** Which keys may use which models. */
export const modelAccess: PolicyKind<ModelAccessSettings> = {
  name: 'model-access',
  create: (settings) => createModelAccess(settings),
};

function createModelAccess(settings: ModelAccessSettings): Policy {
  const { projects = {}, teams = {}, deny = [] } = settings;
  const allows = (exchange: Exchange, model: string): boolean => {
    if (matchesAny(deny, model)) return false;
    const { consumer } = exchange;
    if (!consumer) return Object.keys(projects).length === 0 && Object.keys(teams).length === 0;
    const lists = [
      consumer.models,
      Object.hasOwn(projects, consumer.project) ? projects[consumer.project]! : null,
      Object.hasOwn(teams, consumer.team) ? teams[consumer.team]! : null,
    ];
    // Each level can only narrow what the one above it grants.
    return lists.every((list) => list === null || matchesAny(list, model));
  };
  return {
    name: 'model-access',
    summary: deny.length
      ? `by the key's models; never ${deny.join(', ')}`
      : "by the key's, project's and team's models",
    allowsModel: allows,
    onCall(exchange) {
      const model = exchange.brief?.model;
      if (model === undefined || allows(exchange, model)) return;
      const name = exchange.consumer?.name ?? 'nobody';
      throw new Fault(
        'access/model',
        `The key "${name}" may not use the model "${model}". Ask its owner to grant it.`,
        {
          field: 'model',
        },
      );
    },
  };
}
