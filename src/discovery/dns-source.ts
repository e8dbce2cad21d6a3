import { Resolver } from 'node:dns/promises';
import type { DnsSource } from '#core/discovery.ts';
import type { UpstreamMember } from '#core/snapshot.ts';
import type { Source } from './source.ts';

/** SRV answers come from node without their TTL. */
const srvEveryMs = 30_000;
/** A TTL of a day is not taken at its word: a mistake in a zone should be over sooner. */
const maxTtlMs = 300_000;
const timing = { timeout: 2000, tries: 2 };

/**
 * Addresses of a name, or the servers of a service (RFC 2782). Connections go to the address, while Host and TLS have the
 * name: for SRV, that of the record.
 */
export function openDnsSource(spec: DnsSource): Source {
  const resolver = new Resolver(timing);
  if (spec.servers) resolver.setServers(spec.servers);
  return {
    async ask() {
      try {
        return spec.type === 'SRV' ? await askService(resolver, spec) : await askAddresses(resolver, spec);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === undefined) throw error;
        const asked = resolver.getServers().join(', ');
        throw new Error(`expected ${spec.type} records of ${spec.name} from ${asked}, got ${code}`, {
          cause: error,
        });
      }
    },
    close: () => resolver.cancel(),
  };
}

async function askAddresses(resolver: Resolver, spec: DnsSource) {
  const found = await lookup(resolver, spec.name, spec.type === 'AAAA');
  if (found.length === 0) throw new Error(`expected ${spec.type} records of ${spec.name}, got none`);
  const url = urlOf(spec.scheme, spec.name, spec.port);
  const addresses = [...new Set(found.map(({ address }) => address))].sort();
  const members = addresses.map((address) => memberOf(url, address, { weight: 1, priority: 0 }));
  const ttlMs = Math.min(...found.map(({ ttl }) => ttl)) * 1000;
  return { members, againInMs: spec.everyMs ?? Math.min(maxTtlMs, Math.max(spec.minTtlMs, ttlMs)) };
}

/**
 * Each address of each record is a member; a record's weight is shared among its addresses. Targets that have no address
 * are left out while there are others.
 */
async function askService(resolver: Resolver, spec: DnsSource) {
  const records = (await resolver.resolveSrv(spec.name)).filter(({ name }) => name !== '' && name !== '.');
  if (records.length === 0) throw new Error(`expected SRV records of ${spec.name}, got none`);
  const placed = await Promise.all(
    records.map(async (record) => ({ record, addresses: await addressesOf(resolver, record.name) })),
  );
  const widest = Math.max(...placed.map(({ addresses }) => addresses.length));
  const members = new Map<string, UpstreamMember>();
  for (const { record, addresses } of placed) {
    const url = urlOf(spec.scheme, record.name, record.port);
    // RFC 2782 gives a weight of 0 a very small chance, not none.
    const weight = Math.max(1, Math.round((Math.max(1, record.weight) * widest) / addresses.length));
    for (const address of addresses) {
      const member = memberOf(url, address, { weight, priority: record.priority });
      members.set(member.id, member);
    }
  }
  if (members.size === 0)
    throw new Error(`expected addresses of ${records.map(({ name }) => name).join(', ')}, got none`);
  const sorted = [...members.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  return { members: sorted, againInMs: spec.everyMs ?? srvEveryMs };
}

const lookup = (resolver: Resolver, name: string, v6: boolean) =>
  v6 ? resolver.resolve6(name, { ttl: true }) : resolver.resolve4(name, { ttl: true });

async function addressesOf(resolver: Resolver, name: string): Promise<string[]> {
  const none = () => [];
  const [v4, v6] = await Promise.all([
    lookup(resolver, name, false).catch(none),
    lookup(resolver, name, true).catch(none),
  ]);
  return [...new Set([...v4, ...v6].map(({ address }) => address))];
}

function urlOf(scheme: string, name: string, port: number): string {
  return `${scheme}://${name.replace(/\.$/, '').toLowerCase()}:${port}`;
}

const memberOf = (
  url: string,
  address: string,
  share: { weight: number; priority: number },
): UpstreamMember => ({
  id: `${url}#${address}`,
  url,
  address,
  ...share,
});
