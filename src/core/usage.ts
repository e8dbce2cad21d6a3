/** What one attempt used, in disjoint lines that sum to the total. */

export type Direction = 'input' | 'output' | 'tool-input';
export type Modality = 'text' | 'audio' | 'image' | 'video';
/** `write-30m` and `write-12h` are lifetimes that some providers bill apart. */
export type CacheClass = 'none' | 'read' | 'write-5m' | 'write-30m' | 'write-1h' | 'write-12h';
/** `prediction`: predicted output that did not come true, and is billed all the same. */
export type UsageKind = 'plain' | 'reasoning' | 'prediction';

export interface UsageLine {
  readonly direction: Direction;
  readonly modality: Modality;
  readonly cache: CacheClass;
  readonly kind: UsageKind;
  /** Tokens; a non-negative safe integer. */
  readonly count: number;
  /** Set when the line is billed at another model's price than the answer's. */
  readonly model?: string;
}

/** Where a count came from, best first. */
export type UsageSource = 'provider' | 'provider_partial' | 'gateway_count' | 'estimate';

export interface Usage {
  readonly lines: readonly UsageLine[];
  readonly source: UsageSource;
  /** The provider's own usage object, as it came; null when it sent none. */
  readonly raw: unknown;
  /** What was odd: `negative`, `not-a-number`, `implausible`, `sent-twice`, `total-disagrees`, `no-usage`, … */
  readonly flags: readonly string[];
  /** Units counted apart from tokens, as safe integers: `searches`, `fetches`, `images`, `seconds`, … */
  readonly units?: Readonly<Record<string, number>>;
  /** How the provider said it served the call, in its own words: `flex`, `priority`. */
  readonly serviceTier?: string;
  /** What the provider said it cost, in nano-units of US dollars. */
  readonly reportedCostNano?: bigint;
}

/** The five totals people ask for. They are sums of lines, never stored apart from them. */
export interface TokenTotals {
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
  reasoning: number;
}

export const inputLine = (count: number, cache: CacheClass = 'none'): UsageLine => ({
  direction: 'input',
  modality: 'text',
  cache,
  kind: 'plain',
  count,
});

export const outputLine = (count: number, kind: UsageKind = 'plain'): UsageLine => ({
  direction: 'output',
  modality: 'text',
  cache: 'none',
  kind,
  count,
});

export function totalsOf(lines: readonly UsageLine[]): TokenTotals {
  const totals: TokenTotals = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 };
  for (const line of lines) {
    if (line.direction === 'output') {
      totals.output += line.count;
      if (line.kind === 'reasoning') totals.reasoning += line.count;
    } else {
      totals.input += line.count;
      if (line.cache === 'read') totals.cacheRead += line.count;
      else if (line.cache !== 'none') totals.cacheWrite += line.count;
    }
  }
  return totals;
}
