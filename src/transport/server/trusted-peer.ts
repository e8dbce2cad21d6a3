import { BlockList, isIP } from 'node:net';

/**
 * Says whether an address is one of, or within one of, the given addresses and CIDR ranges. IPv4-mapped ranges
 * (`::ffff:10.0.0.0/104`) hold for IPv4 addresses.
 */
export function createPeerJudge(ranges: readonly string[]): (address: string) => boolean {
  if (ranges.length === 0) return () => false;
  const list = new BlockList();
  for (const range of ranges) {
    const [address, prefix] = range.split('/') as [string, string?];
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return (address) => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}
