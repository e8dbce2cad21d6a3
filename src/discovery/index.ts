import type { DiscoveryReport, DiscoverySource } from '#core/discovery.ts';
import type { Snapshot, UpstreamMember } from '#core/snapshot.ts';
import { GroupDiscovery, type GroupParts } from './group-discovery.ts';

/** The groups whose members are discovered; once in a process. */
export class DiscoveryBoard {
  readonly #parts: GroupParts;
  readonly #groups = new Map<string, GroupDiscovery>();
  /** Groups of the start: readiness waits for no others. */
  #first: ReadonlySet<string> | null = null;

  constructor(parts: GroupParts) {
    this.#parts = parts;
  }

  /** Takes the groups of a configuration. Members stay where the source is the same. */
  follow({ upstreams }: Snapshot): void {
    const wanted = new Set<string>();
    for (const { name, discovery } of Object.values(upstreams)) {
      if (!discovery) continue;
      wanted.add(name);
      const known = this.#groups.get(name);
      if (known && JSON.stringify(known.settings) === JSON.stringify(discovery)) continue;
      const same = known && identityOf(known.settings.source) === identityOf(discovery.source);
      known?.close();
      const group = { name, settings: discovery, before: same ? known : null };
      this.#groups.set(name, new GroupDiscovery(group, this.#parts));
    }
    for (const [name, group] of this.#groups) {
      if (wanted.has(name)) continue;
      group.close();
      this.#groups.delete(name);
    }
    this.#first ??= wanted;
  }

  /** As discovered; those of other groups as configured. */
  membersOf(group: { readonly name: string; readonly members: readonly UpstreamMember[] }) {
    return this.#groups.get(group.name)?.members ?? group.members;
  }

  complaints(): string[] {
    return [...this.#groups.values()].flatMap((group) =>
      this.#first?.has(group.name) ? (group.complaint() ?? []) : [],
    );
  }

  report(name: string): DiscoveryReport | null {
    return this.#groups.get(name)?.report() ?? null;
  }

  /** Failures since the start, by group. */
  errors(): Record<string, number> {
    return Object.fromEntries([...this.#groups.values()].map(({ name, errors }) => [name, errors]));
  }

  /** What was found stays known, to threads that start while others end. */
  close(): void {
    for (const group of this.#groups.values()) group.close();
  }
}

/** What the answer is about, however often and by whatever way it is asked for. */
function identityOf(source: DiscoverySource): string {
  switch (source.kind) {
    case 'dns':
      return ['dns', source.type, source.name, source.port, source.scheme].join(' ');
    case 'file':
      return `file ${source.path}`;
    case 'http':
      return `http ${source.url}`;
  }
}
