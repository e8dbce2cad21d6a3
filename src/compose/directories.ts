import { createConsumerDirectory } from '#core/consumer-directory.ts';
import type { PolicyServices } from '#core/contracts/policy.ts';
import type { Snapshot } from '#core/snapshot.ts';

/** Who and what a configuration knows, for its policies. */
export function directoriesOf({
  consumers,
  credentials,
  projects,
}: Snapshot): Pick<PolicyServices, 'consumers' | 'teamOf'> {
  return {
    consumers: createConsumerDirectory(consumers, credentials),
    teamOf: (project) => (Object.hasOwn(projects, project) ? projects[project]!.team : undefined),
  };
}
