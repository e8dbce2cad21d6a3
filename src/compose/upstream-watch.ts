import type { DiscoveryView } from '#core/contracts/control-plane.ts';
import type { PoolControl } from '#core/contracts/pool-control.ts';
import type { Upstream } from '#core/contracts/upstream.ts';
import type { ResolvedModel, Snapshot, UpstreamGroup, UpstreamMember } from '#core/snapshot.ts';
import type { Target } from '#core/target.ts';
import { paceGroup, paceId } from '#balance/index.ts';
import { DiscoveryBoard } from '#discovery/index.ts';
import { HealthChecker } from '#health/index.ts';
import { gauge, type MetricJson } from '#observe/series.ts';
import { modelGroup, targetMembers } from './compile-pools.ts';
import { originOf } from './origin-of.ts';

export interface UpstreamWatchParts {
  readonly pools: PoolControl;
  readonly upstream: Upstream;
  /** Tells the threads who is to have traffic. */
  publish(change: MembersChange): void;
  say(line: string): void;
}

export interface MembersChange {
  readonly group: string;
  readonly members: readonly UpstreamMember[];
  /** Grows with each change of any group: a later one is never overtaken by an earlier. */
  readonly generation: number;
}

/**
 * Who is a member of which group, and which of them are well: what discovery and active checks find out, put together for
 * the threads. On the main thread.
 */
export class UpstreamWatch {
  readonly #parts: UpstreamWatchParts;
  readonly #discovery: DiscoveryBoard;
  readonly #health: HealthChecker;
  #groups: Readonly<Record<string, UpstreamGroup>> = {};
  #generation = 0;

  constructor(parts: UpstreamWatchParts) {
    this.#parts = parts;
    const { upstream, say } = parts;
    this.#discovery = new DiscoveryBoard({
      upstream,
      say,
      locate: (url) => originOf(url, null),
      onMembers: (name, members) => {
        const group = this.#groups[name];
        if (!group) return;
        this.#enter(group, members);
        this.#publish(group);
      },
    });
    this.#health = new HealthChecker({
      upstream,
      say,
      locate: (name, { url, address }, port) => {
        const { http2 = null, tls = null } = this.#groups[name] ?? {};
        const { origin, host } = originOf(url, { address, http2, tls });
        if (port === null) return { origin, host };
        return { origin: { ...origin, port, key: `${origin.key}|${port}` }, host };
      },
      onVerdict: (name, id, healthy) =>
        void parts.pools.setActiveHealth(name, id, healthy ? 'healthy' : 'unhealthy'),
    });
  }

  /** Takes the groups of a configuration. What is known of those that stay is kept. */
  follow(snapshot: Snapshot): void {
    this.#groups = snapshot.upstreams;
    this.#discovery.follow(snapshot);
    this.#health.keepGroups(new Set(Object.keys(snapshot.upstreams)));
    const models = Object.values(snapshot.models).filter(isShared);
    const groups = Object.values(snapshot.upstreams);
    const names = [
      paceGroup,
      ...groups.map(({ name }) => name),
      ...models.map(({ name }) => modelGroup(name)),
    ];
    this.#parts.pools.keepGroups(new Set(names));
    const paced = Object.values(snapshot.models).flatMap(({ targets }) => targets.filter(isPaced));
    this.#parts.pools.setMembers(paceGroup, [...new Set(paced.map(paceId))]);
    for (const model of models) {
      const ids = targetMembers(model).map(({ id }) => id);
      this.#parts.pools.setMembers(modelGroup(model.name), ids);
    }
    for (const group of groups) this.#enter(group, this.#discovery.membersOf(group));
  }

  /** The snapshot with the members as they stand now. */
  fill(snapshot: Snapshot): Snapshot {
    const upstreams: Record<string, UpstreamGroup> = {};
    for (const [name, group] of Object.entries(snapshot.upstreams))
      upstreams[name] = group.discovery ? { ...group, members: this.#discovery.membersOf(group) } : group;
    return { ...snapshot, upstreams };
  }

  /** All that a thread has to be told that started with an older state. */
  changes(): MembersChange[] {
    return Object.values(this.#groups)
      .filter(({ discovery }) => discovery !== null)
      .map((group) => this.#changeOf(group));
  }

  /** Why readiness has to wait. */
  complaints(): string[] {
    return this.#discovery.complaints();
  }

  reports(): DiscoveryView[] {
    return Object.values(this.#groups)
      .filter(isWatched)
      .map((group) => ({
        group: group.name,
        members: this.#discovery.membersOf(group).map(({ id }) => id),
        discovery: this.#discovery.report(group.name),
        checks: this.#health.report(group.name),
      }));
  }

  metrics(): MetricJson[] {
    const counts = Object.values(this.#groups).map((group) => ({
      labels: { upstream: group.name },
      value: this.#discovery.membersOf(group).length,
    }));
    const errors = Object.entries(this.#discovery.errors());
    const checks = [...this.#health.counts].flatMap(([upstream, results]) =>
      [...results].map(([result, value]) => ({ labels: { upstream, result }, value })),
    );
    const counter = (name: string, help: string, values: MetricJson['values']): MetricJson => ({
      ...{ name, help, values },
      type: 'counter',
      aggregator: 'sum',
    });
    const members = {
      name: 'sluice_upstream_members',
      help: 'Members of a group.',
      aggregator: 'first',
    } as const;
    return [
      gauge(members, counts),
      counter(
        'sluice_discovery_errors_total',
        'Failed tries to learn the members of a group.',
        errors.map(([upstream, value]) => ({ labels: { upstream }, value })),
      ),
      counter('sluice_health_check_total', 'Active health checks.', checks),
    ];
  }

  close(): void {
    this.#discovery.close();
    this.#health.close();
  }

  #publish(group: UpstreamGroup): void {
    this.#generation++;
    this.#parts.publish(this.#changeOf(group));
  }

  #changeOf(group: UpstreamGroup): MembersChange {
    return { group: group.name, members: this.#discovery.membersOf(group), generation: this.#generation };
  }

  /** Gives the members of a group their places before any thread is told of them. */
  #enter(group: UpstreamGroup, members: readonly UpstreamMember[]): void {
    const { pools } = this.#parts;
    const ids = members.map(({ id }) => id);
    const { discovery, health, pool } = group;
    // A single server about which nothing is to be found out needs no place: there may be a hundred thousand of them.
    const isShared = ids.length > 1 || discovery || health || pool.breaker || pool.passive;
    pools.setMembers(group.name, isShared ? ids : []);
    if (!health) for (const id of ids) pools.setActiveHealth(group.name, id, 'unknown');
    this.#health.follow(group.name, health, members);
  }
}

/** Is anything remembered of a model's targets? */
const isShared = ({ targets, pool }: ResolvedModel) =>
  pool !== undefined && (targets.length > 1 || pool.breaker !== null || pool.passive !== null);

const isPaced = ({ provider }: Target) => provider.pace !== undefined;

const isWatched = ({ discovery, health }: UpstreamGroup) => discovery !== null || health !== null;
