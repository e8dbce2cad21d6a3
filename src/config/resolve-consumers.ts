import type { NamedConsumer } from '#core/consumer.ts';
import { didYouMean, type Problems } from './problem.ts';
import type { ConfigDocument } from './schema.ts';

/** The consumers that the document names. */
export function resolveConsumers(document: ConfigDocument, problems: Problems): NamedConsumer[] {
  const projects = new Map(Object.entries(document.projects ?? {}));
  return Object.entries(document.consumers ?? {}).map(([name, { project, groups, models, priority }]) => {
    const known = projects.get(project);
    if (!known)
      problems.add(
        ['consumers', name, 'project'],
        `unknown project "${project}"${didYouMean(project, projects.keys())}`,
      );
    return {
      id: `consumer:${name}`,
      name,
      consumer: name,
      project,
      team: known?.team ?? '',
      groups: groups ?? [],
      models: models ?? null,
      ...(priority === undefined ? {} : { priority }),
    };
  });
}
