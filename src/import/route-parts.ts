import type { Draft, Piece } from './draft.ts';

/** Places of policies in a list; those of the other products have theirs by kind, not by what was written first. */
export const place = {
  restriction: 1,
  cors: 2,
  authentication: 3,
  identity: 4,
  access: 5,
  validation: 6,
  fault: 7,
  limit: 8,
  prompt: 9,
  headers: 10,
  answer: 11,
} as const;

interface PlacedPolicy {
  readonly at: number;
  readonly kind: string;
  readonly settings: Piece | ((parts: RouteParts) => Piece);
  readonly when?: string;
}

/** What a route of sluice.yaml is made of, while its source is read. */
export class RouteParts {
  readonly draft: Draft;
  readonly #policies: PlacedPolicy[] = [];
  /** Beside the servers that it leads to. */
  readonly to: Piece = {};
  /** In place of servers. */
  answer: Piece | null = null;
  /** Of the group of servers that it leads to. */
  readonly pool: Piece = {};
  bodyLimit: number | null = null;
  /** Why it must be left out: with less it would let pass, or answer, what it must not. */
  unsafe: string | null = null;

  constructor(draft: Draft) {
    this.draft = draft;
  }

  policy(at: number, kind: string, settings: Piece, when?: string): void {
    this.#policies.push({ at, kind, settings, ...(when === undefined ? {} : { when }) });
  }

  /** A limit whose subject depends on whether anybody authenticates on the route. */
  limit(kind: string, settings: (parts: RouteParts) => Piece): void {
    this.#policies.push({ at: place.limit, kind, settings });
  }

  /** On a route where it is known who calls. */
  knowsCallers = false;

  get isAuthenticated(): boolean {
    if (this.knowsCallers) return true;
    return this.#policies.some(({ at }) => at === place.authentication || at === place.identity);
  }

  has(kind: string): boolean {
    return this.#policies.some((policy) => policy.kind === kind && policy.when === undefined);
  }

  /** Settings of a policy that several plugins share; made where there is none. */
  shared(at: number, kind: string): Piece {
    let found = this.#policies.find((policy) => policy.kind === kind && policy.when === undefined);
    if (!found) this.#policies.push((found = { at, kind, settings: {} }));
    return found.settings as Piece;
  }

  /** Adds headers to be set, added or removed on one side. */
  headers(side: 'request' | 'response', edits: Piece): void {
    const settings = this.shared(place.headers, 'set-headers');
    const own = (settings[side] ??= {}) as Record<string, unknown>;
    for (const [kind, value] of Object.entries(edits)) {
      if (Array.isArray(value)) own[kind] = [...((own[kind] as unknown[]) ?? []), ...(value as unknown[])];
      else own[kind] = { ...(own[kind] as Piece), ...(value as Piece) };
    }
  }

  /** All policies of another one, where `when` says; what it makes of a route beside is its own. */
  adopt(other: RouteParts, when?: string): void {
    for (const policy of other.#policies) {
      const both = [when, policy.when].filter((each) => each !== undefined).join(' && ');
      this.#policies.push({ ...policy, ...(both === '' ? {} : { when: both }) });
    }
    this.unsafe ??= other.unsafe;
    this.bodyLimit ??= other.bodyLimit;
  }

  /** The list, in the order of its places. One kind of credential is asked for by itself, several by any of them. */
  policies(): Piece[] {
    const sorted = [...this.#policies].sort((a, b) => a.at - b.at);
    const kinds = sorted.filter(({ at }) => at === place.authentication);
    const written = ({ kind, settings, when }: PlacedPolicy): Piece => ({
      [kind]: typeof settings === 'function' ? settings(this) : settings,
      ...(when === undefined ? {} : { when }),
    });
    if (kinds.length < 2) return sorted.map(written);
    const any = { any: kinds.map(({ kind, settings }) => ({ [kind]: settings })) };
    const first = kinds[0]!;
    return sorted.flatMap((policy) =>
      policy === first ? [{ 'any-auth': any }] : kinds.includes(policy) ? [] : [written(policy)],
    );
  }
}

/** A text of CEL. */
export const quoted = (text: string): string => JSON.stringify(text).replace(/\\u([0-9a-f]{4})/g, '\\u$1');

/** Calls of one of these consumers, or of these groups. */
export const ofConsumer = (name: string): string => `consumer.name == ${quoted(name)}`;
export const ofGroup = (name: string): string => `${quoted(name)} in consumer.groups`;

/** Headers of a mapping or of a list of `name:value`; a value that is no text is left out, and named. */
export function headerMap(value: unknown): {
  readonly headers: Record<string, string>;
  readonly odd: string[];
} {
  const headers: Record<string, string> = {};
  const odd: string[] = [];
  const take = (name: string, text: unknown): void => {
    const isName = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name);
    if (isName && (typeof text === 'string' || typeof text === 'number') && isPlain(String(text)))
      headers[name] = String(text);
    else odd.push(name);
  };
  if (Array.isArray(value))
    for (const each of value as unknown[]) {
      const pair = typeof each === 'string' ? /^([^:]+):\s*(.*)$/s.exec(each) : null;
      if (pair) take(pair[1]!, pair[2]);
      else odd.push(String(each));
    }
  else if (typeof value === 'object' && value !== null)
    for (const [name, text] of Object.entries(value)) take(name, text);
  else odd.push(String(value));
  return { headers, odd };
}

/** One line, and no variable of the other product: `$host`, `$(headers.x)`, `{{ … }}`. Nor a reference of ours. */
const isPlain = (text: string): boolean =>
  /^[\t\x20-\x7e\x80-\xff]*$/.test(text) && !/\$[a-z({]|\{\{/i.test(text);

/** In place of where a route would lead that let pass what it must not. */
export const refusing = (why: string): Piece => ({
  static: {
    status: 501,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: `This route was imported in part: ${why.replaceAll(/[{}]/g, '')}.\n`,
  },
});

/** Routes as they are tried: the lower number first. */
export function byRank(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}
