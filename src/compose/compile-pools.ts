import type { Clock } from '#core/contracts/clock.ts';
import type { SignerKind } from '#core/contracts/signer.ts';
import type { PoolMember, TargetPool } from '#core/contracts/target-pool.ts';
import type { Upstream } from '#core/contracts/upstream.ts';
import { Pool, type PoolMemory } from '#balance/index.ts';
import { plainPool } from '#core/pool-settings.ts';
import type { ResolvedModel, Snapshot, UpstreamGroup, UpstreamMember } from '#core/snapshot.ts';
import type { SignerUse, Target } from '#core/target.ts';
import type { Gateway, HttpUpstream } from '#pipeline/gateway.ts';
import { originOf } from './origin-of.ts';
import { SignedUpstream } from './signed-upstream.ts';
import { signerServices } from './signer-services.ts';

export interface PoolParts {
  readonly upstream: Upstream;
  readonly poolMemory: PoolMemory;
  /** By the kinds that groups name. */
  readonly signers: ReadonlyMap<string, SignerKind>;
  readonly clock: Clock;
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
  const clients = new Map<string, Upstream>();
  /** Its members share one proof. */
  const clientOf = (group: UpstreamGroup): Upstream => {
    if (group.signer === null) return parts.upstream;
    let client = clients.get(group.name);
    if (!client) clients.set(group.name, (client = signedClient(group, group.signer, parts)));
    return client;
  };
  const memberOf = (member: UpstreamMember, group: UpstreamGroup) =>
    httpMember(member, group, clientOf(group));
  const shared = { memory: parts.poolMemory, random: Math.random };
  return {
    upstreamsOf(name) {
      let pool = upstreams.get(name);
      if (pool) return pool;
      const group = snapshot.upstreams[name]!;
      const members = (discovered.get(name) ?? group.members).map((member) => memberOf(member, group));
      upstreams.set(name, (pool = new Pool({ ...shared, name, members, settings: group.pool })));
      return pool;
    },
    updateUpstreams(name, members) {
      discovered.set(name, members);
      const group = snapshot.upstreams[name]!;
      upstreams.get(name)?.update(members.map((member) => memberOf(member, group)));
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

/** @throws Error when the signer's settings cannot be used. */
function signedClient(
  { name, tls }: UpstreamGroup,
  signer: SignerUse,
  { upstream, signers, clock }: PoolParts,
): Upstream {
  const kind = signers.get(signer.kind);
  if (!kind) throw new Error(`upstream "${name}": there is no signer "${signer.kind}"`);
  const services = signerServices({ proxy: null, tls }, { clock, upstream });
  return new SignedUpstream({ upstream, sign: kind({ name, signer }, services), signed: false });
}

function httpMember(
  member: UpstreamMember,
  { http2, tls }: UpstreamGroup,
  upstream: Upstream,
): PoolMember<HttpUpstream> {
  const { id, url, weight, priority } = member;
  const { origin, host, pathPrefix } = originOf(url, { address: member.address, http2, tls });
  const name = `${origin.host}:${origin.port}`;
  return { id, target: { name, upstream, origin, pathPrefix, host }, weight, priority };
}

/** What a model's targets are called where groups have names: no group of upstreams can be called so. */
export const modelGroup = (model: string): string => `model/${model}`;

export const targetMembers = ({ targets, shares }: ResolvedModel): PoolMember<Target>[] =>
  targets.map((target, i) => ({
    id: `${target.provider.name}/${target.model}`,
    target,
    ...(shares?.[i] ?? { weight: 1, priority: 0 }),
  }));
