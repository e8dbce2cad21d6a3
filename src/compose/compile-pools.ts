import type { PoolMember, TargetPool } from '#core/contracts/target-pool.ts';
import type { Upstream } from '#core/contracts/upstream.ts';
import { Pool, type PoolMemory } from '#balance/index.ts';
import { plainPool } from '#core/pool-settings.ts';
import type { ResolvedModel, Snapshot, UpstreamGroup, UpstreamMember } from '#core/snapshot.ts';
import type { Target } from '#core/target.ts';
import type { Gateway, HttpUpstream } from '#pipeline/gateway.ts';
import { originOf } from './origin-of.ts';

export interface PoolParts {
  readonly upstream: Upstream;
  readonly poolMemory: PoolMemory;
}

export type CompiledPools = Pick<Gateway, 'upstreamsOf' | 'targetsOf'> & {
  /** Members of a group of upstreams as discovery has found them: all of them, from now on. */
  updateUpstreams(name: string, members: readonly UpstreamMember[]): void;
};

/** Pools of a snapshot, each made when it is first asked for: of a hundred thousand routes few are busy. */
export function compilePools(snapshot: Snapshot, parts: PoolParts): CompiledPools {
  const upstreams = new Map<string, Pool<HttpUpstream>>();
  const discovered = new Map<string, readonly UpstreamMember[]>();
  const models = new WeakMap<ResolvedModel, TargetPool<Target>>();
  const shared = { memory: parts.poolMemory, random: Math.random };
  return {
    upstreamsOf(name) {
      let pool = upstreams.get(name);
      if (pool) return pool;
      const group = snapshot.upstreams[name]!;
      const members = (discovered.get(name) ?? group.members).map((member) =>
        httpMember(member, group, parts),
      );
      upstreams.set(name, (pool = new Pool({ ...shared, name, members, settings: group.pool })));
      return pool;
    },
    updateUpstreams(name, members) {
      discovered.set(name, members);
      const group = snapshot.upstreams[name]!;
      upstreams.get(name)?.update(members.map((member) => httpMember(member, group, parts)));
    },
    targetsOf(model) {
      let pool = models.get(model);
      if (pool) return pool;
      const { name } = model;
      pool = new Pool({
        ...shared,
        name: modelGroup(name),
        members: targetMembers(model),
        settings: model.pool ?? plainPool,
      });
      models.set(model, pool);
      return pool;
    },
  };
}

function httpMember(
  member: UpstreamMember,
  { http2, tls }: UpstreamGroup,
  parts: PoolParts,
): PoolMember<HttpUpstream> {
  const { id, url, weight, priority } = member;
  const { origin, host, pathPrefix } = originOf(url, { address: member.address, http2, tls });
  const name = `${origin.host}:${origin.port}`;
  return { id, target: { name, upstream: parts.upstream, origin, pathPrefix, host }, weight, priority };
}

/** What a model's targets are called where groups have names: no group of upstreams can be called so. */
export const modelGroup = (model: string): string => `model/${model}`;

export const targetMembers = ({ targets, shares }: ResolvedModel): PoolMember<Target>[] =>
  targets.map((target, i) => ({
    id: `${target.provider.name}/${target.model}`,
    target,
    ...(shares?.[i] ?? { weight: 1, priority: 0 }),
  }));
