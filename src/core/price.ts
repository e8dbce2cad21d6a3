import { costOf, type NanoAmount, type NanoPerMillion } from './money.ts';
import type { Usage, UsageLine } from './usage.ts';

/** Prices of one model from one day on. A class without a price of its own falls back as `priceFor` says. */
export interface PriceVersion {
  /** Names the row on receipts, such as `seed-0.1.8/openai/gpt-5` or `config/3f2a…`. */
  readonly version: string;
  readonly currency: string;
  readonly input: NanoPerMillion;
  readonly output: NanoPerMillion;
  readonly cacheRead?: NanoPerMillion;
  readonly cacheWrite5m?: NanoPerMillion;
  readonly cacheWrite1h?: NanoPerMillion;
  readonly reasoning?: NanoPerMillion;
  readonly inputAudio?: NanoPerMillion;
  readonly outputAudio?: NanoPerMillion;
  readonly inputImage?: NanoPerMillion;
  readonly outputImage?: NanoPerMillion;
  /** Nano-units for one request, whatever it used. */
  readonly perRequest?: NanoAmount;
  /** Nano-units for one of what is counted apart from tokens, by its name in `Usage.units`: `searches`, `images`, … */
  readonly units?: Readonly<Record<string, NanoAmount>>;
  /** What calls cost that go in a batch; absent: the same. */
  readonly batch?: PriceVersion;
  /** From this many input tokens on, the whole call is billed by `then`. Ascending. */
  readonly tiers?: readonly { readonly fromInputTokens: number; readonly then: PriceVersion }[];
}

export interface PricedLine {
  readonly line: UsageLine;
  readonly costNano: NanoAmount;
}

/** What was used apart from tokens. `requests` is one for an attempt that the provider worked on, where it has a price. */
export interface PricedUnit {
  readonly unit: string;
  /** A non-negative safe integer. */
  readonly count: number;
  readonly costNano: NanoAmount;
}

/** What an attempt used, priced: its cost is the sum over both. */
export interface PricedUsage {
  /** Disjoint; their counts sum to the attempt's tokens. */
  readonly lines: readonly PricedLine[];
  /** Left out where nothing but tokens was used. */
  readonly units?: readonly PricedUnit[];
}

/** The price that applies to one usage line. Without a price for its class, the plain price of its direction. */
export function priceFor(line: UsageLine, price: PriceVersion): NanoPerMillion {
  if (line.direction === 'output') {
    if (line.modality === 'audio') return price.outputAudio ?? price.output;
    if (line.modality === 'image') return price.outputImage ?? price.output;
    return line.kind === 'reasoning' ? (price.reasoning ?? price.output) : price.output;
  }
  if (line.cache === 'read') return price.cacheRead ?? price.input;
  if (line.cache === 'write-1h' || line.cache === 'write-12h') {
    return price.cacheWrite1h ?? price.cacheWrite5m ?? price.input;
  }
  if (line.cache !== 'none') return price.cacheWrite5m ?? price.input;
  if (line.modality === 'image') return price.inputImage ?? price.input;
  return line.modality === 'audio' ? (price.inputAudio ?? price.input) : price.input;
}

/** Prices every line, rounding once per line. The tier is chosen by the call's whole input. */
export function priceLines(lines: readonly UsageLine[], price: PriceVersion): PricedLine[] {
  const tier = tierFor(lines, price);
  return lines.map((line) => ({ line, costNano: costOf(line.count, priceFor(line, tier)) }));
}

/** Prices what was used apart from tokens. A unit without a price costs nothing; whoever asks flags it. */
export function priceUnits(usage: Pick<Usage, 'lines' | 'units'>, price: PriceVersion): PricedUnit[] {
  const tier = tierFor(usage.lines, price);
  const priced: PricedUnit[] = [];
  if (tier.perRequest !== undefined) priced.push({ unit: 'requests', count: 1, costNano: tier.perRequest });
  for (const [unit, count] of Object.entries(usage.units ?? {})) {
    if (count > 0) priced.push({ unit, count, costNano: BigInt(count) * (tier.units?.[unit] ?? 0n) });
  }
  return priced;
}

/** All that an attempt cost. */
export function totalCost({ lines, units }: PricedUsage): NanoAmount {
  let sum = 0n;
  for (const line of lines) sum += line.costNano;
  if (units) for (const unit of units) sum += unit.costNano;
  return sum;
}

/** The same price, but of every amount a share, in hundredths of a percent; each is rounded half up. */
export function shareOf(price: PriceVersion, share: bigint): PriceVersion {
  const part = (amount: bigint) => (amount * share + 5_000n) / 10_000n;
  const { batch: _, tiers, units, version, currency, ...amounts } = price;
  const parts = Object.entries(amounts).map(([name, amount]) => [name, part(amount)]);
  return {
    version: `${version}+batch`,
    currency,
    ...(Object.fromEntries(parts) as Pick<PriceVersion, 'input' | 'output'>),
    ...(units
      ? { units: Object.fromEntries(Object.entries(units).map(([unit, each]) => [unit, part(each)])) }
      : {}),
    ...(tiers ? { tiers: tiers.map((tier) => ({ ...tier, then: shareOf(tier.then, share) })) } : {}),
  };
}

function tierFor(lines: readonly UsageLine[], price: PriceVersion): PriceVersion {
  if (!price.tiers) return price;
  let input = 0;
  for (const line of lines) if (line.direction !== 'output') input += line.count;
  let chosen = price;
  for (const tier of price.tiers) if (input >= tier.fromInputTokens) chosen = tier.then;
  return chosen;
}
