import { BlockList, isIP } from 'node:net';

/** Says whether an address is one of, or within one of, the given addresses and CIDR ranges. */
export function createPeerJudge(ranges: readonly string[]): (address: string) => boolean {
  if (ranges.length === 0) return () => false;
  const list = new BlockList();
  for (const range of ranges) {
    const [address, prefix] = unmapped(range).split('/') as [string, string?];
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return (address) => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** Peers' addresses are never written as IPv4-mapped ones (`::ffff:10.0.0.0/104` is `10.0.0.0/8`). */
function unmapped(range: string): string {
  const [, address, prefix] = /^::ffff:(\d+\.\d+\.\d+\.\d+)(?:\/(\d+))?$/i.exec(range) ?? [];
  if (address === undefined) return range;
  if (prefix === undefined) return address;
  return Number(prefix) < 96 ? range : `${address}/${Number(prefix) - 96}`;
}
