/** What all threads of this process have counted, for people who watch. Money in floats: the ledger has it exactly. */
export interface LiveFigures {
  readonly atMs: number;
  /** Milliseconds that the counts are of; null: of all since the threads began. */
  readonly overMs: number | null;
  readonly openStreams: number;
  /** Clients' open connections. */
  readonly connections: number;
  /** Upper bounds of the buckets in seconds; buckets have one more, beyond all of them. */
  readonly boundsSeconds: readonly number[];
  readonly routes: readonly LiveRoute[];
  readonly targets: readonly LiveTarget[];
  readonly usage: readonly LiveUsage[];
}

export interface LiveRoute {
  readonly route: string;
  /** Exchanges that have ended, by outcome. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** From the first byte to the receipt: how many in each bucket. */
  readonly durations: readonly number[];
}

export interface LiveTarget {
  readonly provider: string;
  readonly model: string;
  /** Attempts, by how they ended: `ok`, a fault's code, a class of status. */
  readonly results: Readonly<Record<string, number>>;
  /** From the start of an attempt to its first content: how many in each bucket. */
  readonly firstContent: readonly number[];
}

export interface LiveUsage {
  readonly project: string;
  /** Empty: the project is not configured any more. */
  readonly team: string;
  readonly provider: string;
  readonly model: string;
  /** By class; classes are disjoint. */
  readonly tokens: Readonly<Record<string, number>>;
  /** Nano-units by currency. */
  readonly costNano: Readonly<Record<string, number>>;
}

/** What has been counted since `before`; rows without anything new are left out. */
export function liveSince(before: LiveFigures, now: LiveFigures): LiveFigures {
  return {
    ...now,
    overMs: now.atMs - before.atMs,
    routes: now.routes.flatMap((row) => {
      const old = before.routes.find(({ route }) => route === row.route);
      const outcomes = growth(row.outcomes, old?.outcomes);
      return outcomes ? [{ ...row, outcomes, durations: growthOf(row.durations, old?.durations) }] : [];
    }),
    targets: now.targets.flatMap((row) => {
      const old = before.targets.find((each) => isSame(each, row));
      const results = growth(row.results, old?.results);
      return results
        ? [{ ...row, results, firstContent: growthOf(row.firstContent, old?.firstContent) }]
        : [];
    }),
    usage: now.usage.flatMap((row) => {
      const old = before.usage.find((each) => isSame(each, row) && each.project === row.project);
      const tokens = growth(row.tokens, old?.tokens);
      const costNano = growth(row.costNano, old?.costNano);
      return tokens || costNano ? [{ ...row, tokens: tokens ?? {}, costNano: costNano ?? {} }] : [];
    }),
  };
}

const isSame = (a: { provider: string; model: string }, b: { provider: string; model: string }): boolean =>
  a.provider === b.provider && a.model === b.model;

/** A thread that was replaced begins at nothing: what it has counted since is new. */
const grown = (now: number, before: number): number => (now < before ? now : now - before);

const growthOf = (now: readonly number[], before: readonly number[] = []): number[] =>
  now.map((count, i) => grown(count, before[i] ?? 0));

/** Null: nothing new. */
function growth(
  now: Readonly<Record<string, number>>,
  before: Readonly<Record<string, number>> = {},
): Record<string, number> | null {
  const entries = Object.entries(now).flatMap(([name, count]) => {
    const more = grown(count, before[name] ?? 0);
    return more > 0 ? [[name, more] as const] : [];
  });
  return entries.length ? Object.fromEntries(entries) : null;
}

/** The bound below which a part of the observations lies, in seconds; null: there are none, or it is beyond all bounds. */
export function quantileOf(
  counts: readonly number[],
  { part, boundsSeconds }: { readonly part: number; readonly boundsSeconds: readonly number[] },
): number | null {
  let left = counts.reduce((sum, count) => sum + count, 0) * part;
  if (left === 0) return null;
  for (const [i, count] of counts.entries()) {
    const upper = boundsSeconds[i];
    if (upper === undefined) return null;
    const lower = boundsSeconds[i - 1] ?? 0;
    if (count > 0 && left <= count) return lower + (upper - lower) * (left / count);
    left -= count;
  }
  return null;
}
