import type { Exchange } from './exchange.ts';
import { Fault } from './fault.ts';

/** What a limit counts by. */
export type Dimension = 'key' | 'project' | 'team' | 'model' | 'route' | 'address';

/** Who a call is counted for: `id` names the row, `text` is for people. */
export interface Subject {
  readonly id: string;
  readonly text: string;
}

/**
 * Null where an exchange has no model to be counted by.
 * @throws Fault `policy/failed` when nobody has authenticated: without a name there is no limit to keep, and to let
 * the call pass would be to have none.
 */
export function subjectOf(policy: string, exchange: Exchange, by: readonly Dimension[]): Subject | null {
  const parts: string[] = [];
  const words: string[] = [];
  for (const dimension of by) {
    const value = valueOf(policy, exchange, dimension);
    if (value === null) return null;
    // Escaped, so that no name can spell another combination.
    parts.push(`${dimension}:${encodeURIComponent(value.toWellFormed())}`);
    words.push(`${dimension} "${value}"`);
  }
  return { id: parts.join('+'), text: words.join(' with ') };
}

function valueOf(policy: string, exchange: Exchange, dimension: Dimension): string | null {
  if (dimension === 'route') return exchange.routeName;
  if (dimension === 'model') return exchange.brief === null ? null : exchange.countedModel;
  if (dimension === 'address') return networkOf(exchange.head.clientAddress);
  const { consumer } = exchange;
  if (consumer === null) {
    throw new Fault(
      'policy/failed',
      `${policy} counts by ${dimension}, but nobody has authenticated on route "${exchange.routeName}". Put a policy that authenticates, such as key-auth, before it.`,
    );
  }
  return dimension === 'key' ? consumer.id : consumer[dimension];
}

/** An IPv6 caller has 2^64 addresses of its own (RFC 4291 §2.5.1): they count as one. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1]!;
  const [front, back] = address.replace(/%.*$/, '').split('::') as [string, string?];
  const groups = front === '' ? [] : front.split(':');
  if (back !== undefined) {
    const behind = back === '' ? [] : back.split(':');
    while (groups.length + behind.length < 8) groups.push('0');
    groups.push(...behind);
  }
  return `${groups
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
