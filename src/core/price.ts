import {
  costOf,
  multiply,
  shareOf,
  whole,
  type NanoAmount,
  type NanoPerMillion,
  type Ratio,
} from './money.ts';
import { inputLine, outputLine, type Usage, type UsageLine } from './usage.ts';

/** What tokens cost, by class. A class without a price of its own falls back as `priceFor` says. */
export interface TokenPrices {
  readonly input: NanoPerMillion;
  readonly output: NanoPerMillion;
  readonly cacheRead?: NanoPerMillion;
  readonly cacheReadAudio?: NanoPerMillion;
  readonly cacheReadImage?: NanoPerMillion;
  readonly cacheReadVideo?: NanoPerMillion;
  readonly cacheWrite5m?: NanoPerMillion;
  readonly cacheWrite30m?: NanoPerMillion;
  readonly cacheWrite1h?: NanoPerMillion;
  readonly cacheWrite12h?: NanoPerMillion;
  /** What the provider's own tools read. */
  readonly toolInput?: NanoPerMillion;
  readonly reasoning?: NanoPerMillion;
  /** Predicted output that did not come true. */
  readonly prediction?: NanoPerMillion;
  readonly inputAudio?: NanoPerMillion;
  readonly inputImage?: NanoPerMillion;
  readonly inputVideo?: NanoPerMillion;
  readonly outputAudio?: NanoPerMillion;
  readonly outputImage?: NanoPerMillion;
  readonly outputVideo?: NanoPerMillion;
}

/** Prices of one model from one time on. */
export interface PriceVersion extends TokenPrices {
  /** Names the row on receipts, such as `seed-0.1.8/openai/gpt-5` or `config/3f2a…`. */
  readonly version: string;
  readonly currency: string;
  /** In force from this time on; absent: from ever. */
  readonly fromMs?: number;
  /** Of every amount, exact: discounts and markups. Applied before the one rounding of a line. Absent: all of it. */
  readonly share?: Ratio;
  /** Nano-units for one request, whatever it used. */
  readonly perRequest?: NanoAmount;
  /** Nano-units for one of what is counted apart from tokens, by its name in `Usage.units`: `searches`, `images`, … */
  readonly units?: Readonly<Record<string, NanoAmount>>;
  /** From this many input tokens on, the whole call is billed by `then`. Ascending. */
  readonly tiers?: readonly { readonly fromInputTokens: number; readonly then: PriceVersion }[];
  /** By the provider's words for how it served a call: `flex`, `priority`. */
  readonly serviceTiers?: Readonly<Record<string, PriceVersion>>;
  /** Of a row that is such a variant: which one. */
  readonly serviceTier?: string;
  /** What was asked for as part of a batch. */
  readonly batch?: PriceVersion;
}

/** All versions of the price of one model, by ascending `fromMs`. */
export type PriceSchedule = readonly PriceVersion[];

/** What decides which version of a price holds. */
export interface PriceUse {
  /** When the attempt was begun: a price that changes later changes nothing for it. */
  readonly atMs: number;
  /** How the provider said it served the call, else how it was asked to. */
  readonly serviceTier?: string | null;
  readonly batch?: boolean;
}

export interface PricedLine {
  readonly line: UsageLine;
  readonly costNano: NanoAmount;
  /** What the customer pays; absent: what it costs. */
  readonly priceNano?: NanoAmount;
}

/** What was used apart from tokens. `requests` is one for an attempt that the provider worked on, where it has a price. */
export interface PricedUnit {
  readonly unit: string;
  /** A non-negative safe integer. */
  readonly count: number;
  readonly costNano: NanoAmount;
  /** As of a line. */
  readonly priceNano?: NanoAmount;
}

/** What an attempt used, priced: its cost is the sum over both. */
export interface PricedUsage {
  /** Disjoint; their counts sum to the attempt's tokens. */
  readonly lines: readonly PricedLine[];
  /** Left out where nothing but tokens was used. */
  readonly units?: readonly PricedUnit[];
}

/** The price of a usage: null where none is in force at its time. */
export function priceAt(schedule: PriceSchedule | null, use: PriceUse): PriceVersion | null {
  let inForce: PriceVersion | null = null;
  for (const version of schedule ?? []) if ((version.fromMs ?? -Infinity) <= use.atMs) inForce = version;
  return inForce && variantFor(inForce, use);
}

/** A version as it holds for what was served in a tier, or as part of a batch. */
export function variantFor(
  price: PriceVersion,
  { serviceTier, batch }: Omit<PriceUse, 'atMs'>,
): PriceVersion {
  if ((batch || serviceTier === 'batch') && price.batch) return price.batch;
  const { serviceTiers } = price;
  if (!serviceTier || !serviceTiers || !Object.hasOwn(serviceTiers, serviceTier)) return price;
  return serviceTiers[serviceTier]!;
}

/** The row of a price that a call with this usage is billed by: the tier is chosen by its whole input. */
export function rowFor(lines: readonly UsageLine[], price: PriceVersion): PriceVersion {
  if (!price.tiers) return price;
  let input = 0;
  for (const line of lines) if (line.direction !== 'output') input += line.count;
  let chosen = price;
  for (const tier of price.tiers) if (input >= tier.fromInputTokens) chosen = tier.then;
  return chosen;
}

/** The price that applies to one usage line. Without a price for its class, the plain price of its direction. */
export function priceFor(
  { direction, modality, cache, kind }: UsageLine,
  price: TokenPrices,
): NanoPerMillion {
  if (direction === 'output') {
    if (kind === 'prediction') return price.prediction ?? price.output;
    if (modality === 'audio') return price.outputAudio ?? price.output;
    if (modality === 'image') return price.outputImage ?? price.output;
    if (modality === 'video') return price.outputVideo ?? price.output;
    return kind === 'reasoning' ? (price.reasoning ?? price.output) : price.output;
  }
  const plain = direction === 'tool-input' ? (price.toolInput ?? price.input) : freshPrice(modality, price);
  switch (cache) {
    case 'none':
      return plain;
    case 'read':
      return cachedPrice(modality, price) ?? price.cacheRead ?? plain;
    case 'write-5m':
      return price.cacheWrite5m ?? plain;
    case 'write-30m':
      return price.cacheWrite30m ?? price.cacheWrite5m ?? plain;
    case 'write-1h':
      return price.cacheWrite1h ?? price.cacheWrite5m ?? plain;
    case 'write-12h':
      return price.cacheWrite12h ?? price.cacheWrite1h ?? price.cacheWrite5m ?? plain;
  }
}

function freshPrice(modality: UsageLine['modality'], price: TokenPrices): NanoPerMillion {
  if (modality === 'text') return price.input;
  const { inputAudio, inputImage, inputVideo } = price;
  return { audio: inputAudio, image: inputImage, video: inputVideo }[modality] ?? price.input;
}

function cachedPrice(modality: UsageLine['modality'], price: TokenPrices): NanoPerMillion | undefined {
  if (modality === 'text') return price.cacheRead;
  const { cacheReadAudio, cacheReadImage, cacheReadVideo } = price;
  return { audio: cacheReadAudio, image: cacheReadImage, video: cacheReadVideo }[modality];
}

/** Prices every line, rounding once per line. */
export function priceLines(lines: readonly UsageLine[], price: PriceVersion): PricedLine[] {
  const row = rowFor(lines, price);
  return lines.map((line) => ({ line, costNano: costOf(line.count, priceFor(line, row), row.share) }));
}

/** Prices what was used apart from tokens. A unit without a price costs nothing; whoever asks flags it. */
export function priceUnits(usage: Pick<Usage, 'lines' | 'units'>, price: PriceVersion): PricedUnit[] {
  const { perRequest, units = {}, share = whole } = rowFor(usage.lines, price);
  const priced: PricedUnit[] = [];
  if (perRequest !== undefined)
    priced.push({ unit: 'requests', count: 1, costNano: shareOf(perRequest, share) });
  for (const [unit, count] of Object.entries(usage.units ?? {})) {
    const each = Object.hasOwn(units, unit) ? units[unit]! : 0n;
    if (count > 0) priced.push({ unit, count, costNano: shareOf(BigInt(count) * each, share) });
  }
  return priced;
}

/** A version times a share, in all of its rows; `rename` says what they are called. Of its variants nothing is left. */
export function sharePrice(
  { serviceTiers: _tiers, batch: _batch, ...price }: PriceVersion,
  share: Ratio,
  rename: (version: string) => string,
): PriceVersion {
  const tiers = price.tiers?.map(({ fromInputTokens, then }) => ({
    fromInputTokens,
    then: sharePrice(then, share, rename),
  }));
  return {
    ...price,
    version: rename(price.version),
    share: multiply(price.share ?? whole, share),
    ...(tiers ? { tiers } : {}),
  };
}

/** All that an attempt cost. */
export function totalCost({ lines, units }: PricedUsage): NanoAmount {
  let sum = 0n;
  for (const line of lines) sum += line.costNano;
  if (units) for (const unit of units) sum += unit.costNano;
  return sum;
}

/** Of a call with so many plain tokens. Counts are safe integers. */
export function costOfTokens(price: PriceVersion, input: number, output: number): NanoAmount {
  const lines = [inputLine(input), outputLine(output)];
  return totalCost({ lines: priceLines(lines, price), units: priceUnits({ lines }, price) });
}

/** Of a call that uses no tokens. */
export const costOfUnits = (price: PriceVersion, units: Readonly<Record<string, number>>): NanoAmount =>
  totalCost({ lines: [], units: priceUnits({ lines: [], units }, price) });

/** All that the customer pays for it. */
export function totalPrice({ lines, units }: PricedUsage): NanoAmount {
  let sum = 0n;
  for (const line of lines) sum += line.priceNano ?? line.costNano;
  if (units) for (const unit of units) sum += unit.priceNano ?? unit.costNano;
  return sum;
}
