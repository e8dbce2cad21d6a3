import type { Exchange } from './exchange.ts';
import { Fault } from './fault.ts';
import { headerOf } from './head.ts';
import type { Target } from './target.ts';

/** What a limit counts by. `claim:` is of what the credential says of its bearer, where it says something. */
export type Dimension =
  | 'key'
  | 'consumer'
  | 'project'
  | 'team'
  | 'model'
  | 'tool'
  | 'provider'
  | 'route'
  | 'address'
  | `header:${string}`
  | `claim:${string}`;

/** As a configuration may name them. */
export const dimensionPattern =
  "^(?:key|consumer|project|team|model|tool|provider|route|address|header:[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}|claim:.{1,64})$";

/** Who a call is counted for. */
export interface Subject {
  /** Names the row. */
  readonly id: string;
  /** For people. */
  readonly text: string;
}

/** Counts by some dimensions, each combination apart. */
export interface SubjectRule {
  readonly text: string;
  /** Is it known only once a target is chosen? */
  readonly needsTarget: boolean;
  /** Can callers make as many subjects as they like? */
  readonly invented: boolean;
  /**
   * Null where an exchange has no model or tool to be counted by, or no target.
   * @throws Fault `policy/failed` when nobody has authenticated: without a name there is no limit to keep, and to let
   * the call pass would be to have none.
   */
  subjectOf(exchange: Exchange, target: Target | null): Subject | null;
}

export function countBy(policy: string, setting: Dimension | readonly Dimension[]): SubjectRule {
  const by = typeof setting === 'string' ? [setting] : setting;
  const readers = by.map((dimension) => ({ dimension, read: readerOf(policy, dimension) }));
  return {
    text: by.join(' with '),
    needsTarget: by.includes('provider'),
    invented: by.some(
      (dimension) => dimension === 'address' || dimension === 'tool' || dimension.startsWith('header:'),
    ),
    subjectOf(exchange, target) {
      let id = '';
      let text = '';
      for (const { dimension, read } of readers) {
        const value = read(exchange, target);
        if (value === null) return null;
        // Escaped, so that no name can spell another combination.
        id += `${id && '+'}${dimension}:${encodeURIComponent(shorten(value.toWellFormed()))}`;
        text += `${text && ' with '}${dimension} "${value.slice(0, 64)}"`;
      }
      return { id, text };
    },
  };
}

type Reader = (exchange: Exchange, target: Target | null) => string | null;

function readerOf(policy: string, dimension: Dimension): Reader {
  switch (dimension) {
    case 'route':
      return ({ routeName }) => routeName;
    case 'model':
      return ({ brief, meteredAs, countedModel }) =>
        brief === null && meteredAs === null ? null : countedModel;
    case 'tool':
      // A call of a tool alone: lists, prompts and resources are none.
      return ({ tool }) =>
        tool?.method === 'tools/call' && tool.name !== null ? `${tool.server}/${tool.name}` : null;
    case 'provider':
      return (_, target) => target?.provider.name ?? null;
    case 'address':
      return ({ head }) => networkOf(head.clientAddress);
    case 'key':
      return (exchange) => authenticated(policy, dimension, exchange).id;
    case 'consumer':
      return (exchange) => {
        const { consumer, id } = authenticated(policy, dimension, exchange);
        return consumer === undefined ? id : `consumer:${consumer}`;
      };
    case 'project':
    case 'team':
      return (exchange) => authenticated(policy, dimension, exchange)[dimension];
    default: {
      const name = dimension.slice(dimension.indexOf(':') + 1);
      // Those who do not say are one subject: leaving it out is no way around the limit.
      if (dimension.startsWith('claim:')) return ({ claims }) => claims?.[name] ?? '';
      const header = name.toLowerCase();
      return ({ head }) => headerOf(head.headers, header) ?? '';
    }
  }
}

function authenticated(policy: string, dimension: string, { consumer, routeName }: Exchange) {
  if (consumer) return consumer;
  throw new Fault(
    'policy/failed',
    `${policy} counts by ${dimension}, but nobody has authenticated on route "${routeName}". Put a policy that authenticates, such as key-auth, before it.`,
  );
}

const longest = 120;

/** Rows are found by a hash; on record the name stands in full, and so has a bound. */
function shorten(value: string): string {
  if (value.length <= longest) return value;
  // FNV-1a, twice 32 bits: whoever makes two values meet has made himself one limit of two.
  let a = 0x811c9dc5;
  let b = 0xcbf29ce4;
  for (let i = 0; i < value.length; i++) {
    a = Math.imul(a ^ value.charCodeAt(i), 0x01000193);
    b = Math.imul(b ^ value.charCodeAt(value.length - 1 - i), 0x01000193);
  }
  return `${value.slice(0, 64)}…${(a >>> 0).toString(16)}${(b >>> 0).toString(16)}`;
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
