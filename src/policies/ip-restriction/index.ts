import { BlockList, isIP } from 'node:net';
import type { Policy, PolicyKind } from '#core/contracts/policy.ts';
import { Fault } from '#core/fault.ts';
import type { IpRestrictionSettings } from './schema.ts';

/** Which addresses may call: the connection's own, or the one that a trusted proxy names. */
export const ipRestriction: PolicyKind<IpRestrictionSettings> = {
  name: 'ip-restriction',
  create: createIpRestriction,
};

/** @throws RangeError for what is no range. */
function createIpRestriction({ allow, deny }: IpRestrictionSettings): Policy {
  const allowed = allow && rangesOf(allow);
  const denied = deny && rangesOf(deny);
  const told = [
    ...(allow ? [`only from ${allow.join(', ')}`] : []),
    ...(deny ? [`never from ${deny.join(', ')}`] : []),
  ];
  return {
    name: 'ip-restriction',
    summary: told.join('; '),
    onHead({ head: { clientAddress } }) {
      if (denied && holds(denied, clientAddress) !== false) throw refusal(clientAddress);
      if (allowed && holds(allowed, clientAddress) !== true) throw refusal(clientAddress);
    },
  };
}

const refusal = (address: string) => new Fault('access/denied', `Calls from ${address} are not taken here.`);

function rangesOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address, prefix] = range.split('/') as [string, string?];
    const version = isIP(address);
    const family = version === 6 ? 'ipv6' : 'ipv4';
    if (version === 0 || Number(prefix ?? 0) > (version === 4 ? 32 : 128))
      throw new RangeError(
        `ip-restriction: expected an address or a range such as 10.0.0.0/8, got "${range}"`,
      );
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

/** Null: the address is none, and so it is in no list, and out of none. */
function holds(list: BlockList, address: string): boolean | null {
  const bare = address.replace(/%.*$/, '');
  const version = isIP(bare);
  return version === 0 ? null : list.check(bare, version === 6 ? 'ipv6' : 'ipv4');
}
