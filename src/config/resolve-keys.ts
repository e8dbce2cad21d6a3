import { hash } from 'node:crypto';
import type { NamedConsumer } from '#core/consumer.ts';
import type { KeyRecord } from '#core/key.ts';
import { didYouMean, type Problems } from './problem.ts';
import type { ConfigDocument } from './schema.ts';

/** Times are RFC 3339. */
const dayShape = /^\d{4}-\d{2}-\d{2}$/;
const timeShape = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/;

/** The keys that the document masters. A key has no record of when it was written down: its time of creation is 0. */
export function resolveKeys(
  document: ConfigDocument,
  consumers: readonly NamedConsumer[],
  problems: Problems,
): KeyRecord[] {
  const owners = new Map<string, string>();
  return Object.entries(document.keys ?? {}).map(([name, key]) => {
    if ((key.secret === undefined) === (key.sha256 === undefined))
      problems.add(['keys', name], 'expected either "secret" or "sha256"');
    const sha256 = key.sha256 ?? hash('sha256', key.secret ?? '', 'hex');
    const owner = owners.get(sha256);
    if (owner !== undefined) problems.add(['keys', name], `has the same secret as the key "${owner}"`);
    owners.set(sha256, name);
    const expiresAtMs = key.expires === undefined ? null : parseExpiry(key.expires);
    if (Number.isNaN(expiresAtMs))
      problems.add(
        ['keys', name, 'expires'],
        `expected a day such as 2027-01-31 or a time such as 2027-01-31T00:00:00Z, got "${key.expires}"`,
      );
    return {
      id: `file:${name}`,
      name,
      sha256,
      ...ownerOf(name, { document, consumers, problems }),
      expiresAtMs,
      createdAtMs: 0,
      master: 'file',
    };
  });
}

interface Scope {
  readonly document: ConfigDocument;
  readonly consumers: readonly NamedConsumer[];
  readonly problems: Problems;
}

/** Whose a key is, and what it may. What the key says by itself goes before what its consumer says. */
function ownerOf(
  name: string,
  { document, consumers, problems }: Scope,
): Pick<KeyRecord, 'consumer' | 'project' | 'team' | 'groups' | 'models' | 'priority'> {
  const key = document.keys![name]!;
  if ((key.project === undefined) === (key.consumer === undefined))
    problems.add(['keys', name], 'expected either "project" or "consumer"');
  const owner = consumers.find((one) => one.name === key.consumer);
  if (key.consumer !== undefined && !owner)
    problems.add(
      ['keys', name, 'consumer'],
      `unknown consumer "${key.consumer}"${didYouMean(
        key.consumer,
        consumers.map((one) => one.name),
      )}`,
    );
  const projects = document.projects ?? {};
  const project = owner?.project ?? key.project ?? '';
  if (key.project !== undefined && !Object.hasOwn(projects, key.project))
    problems.add(
      ['keys', name, 'project'],
      `unknown project "${key.project}"${didYouMean(key.project, Object.keys(projects))}`,
    );
  const priority = key.priority ?? owner?.priority;
  return {
    ...(owner ? { consumer: owner.name } : {}),
    project,
    team: Object.hasOwn(projects, project) ? projects[project]!.team : '',
    groups: [...new Set([...(owner?.groups ?? []), ...(key.groups ?? [])])],
    models: key.models ?? owner?.models ?? null,
    ...(priority === undefined ? {} : { priority }),
  };
}

/** A day ends at its last moment in UTC. NaN for what is no day, such as 2027-02-30. */
function parseExpiry(text: string): number {
  if (!dayShape.test(text) && !timeShape.test(text)) return NaN;
  const day = Date.parse(text.slice(0, 10));
  if (Number.isNaN(day) || new Date(day).toISOString().slice(0, 10) !== text.slice(0, 10)) return NaN;
  return dayShape.test(text) ? day + 86_400_000 : Date.parse(text);
}
