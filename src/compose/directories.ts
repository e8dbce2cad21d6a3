import type { PolicyServices } from '#core/contracts/policy.ts';
import type { Snapshot } from '#core/snapshot.ts';

/** Who and what a configuration knows, for its policies. */
export function directoriesOf({
  consumers,
  projects,
}: Snapshot): Pick<PolicyServices, 'consumers' | 'teamOf'> {
  const byName = new Map(consumers.map((consumer) => [consumer.name, consumer]));
  return {
    consumers: { all: consumers, find: (name) => byName.get(name) },
    teamOf: (project) => (Object.hasOwn(projects, project) ? projects[project]!.team : undefined),
  };
}
