/** What providers themselves say a call cost. */
import type { JsonObject } from './call.ts';
import { scaleDecimal, type NanoAmount, type Ratio } from './money.ts';
import { isObject } from './read-json.ts';

/**
 * Within a usage object: `cost` in US dollars, as a number or the `total_cost` of what it is made of, or
 * `cost_in_usd_ticks` of 10⁻¹⁰ dollars. In nano-dollars, from the decimal as it was written; undefined where nothing is said, or
 * nothing that can be a cost, which is flagged.
 */
export function readReportedCost(raw: JsonObject, flags: Set<string>): NanoAmount | undefined {
  const { cost, cost_in_usd_ticks: ticks } = raw;
  const [value, places] = isObject(cost)
    ? [cost['total_cost'], 9]
    : cost === undefined || cost === null
      ? [ticks, -1]
      : [cost, 9];
  if (value === undefined || value === null) return undefined;
  try {
    if (typeof value === 'number' && value < 1e9 * (places < 0 ? 1e10 : 1))
      return scaleDecimal(value, places);
  } catch {
    // Said below.
  }
  flags.add('cost-not-a-number');
  return undefined;
}

const onePercent: Ratio = { numerator: 1n, denominator: 100n };
const half = 1_000_000_000n / 2n;

/**
 * Is what a provider says it cost what we say? Within a share of the dearer one, and the half of the last place it was written
 * with, the third one at the coarsest: some round to a tenth of a cent.
 */
export function agrees(ours: NanoAmount, reported: NanoAmount, tolerance = onePercent): boolean {
  const off = ours > reported ? ours - reported : reported - ours;
  const dearer = ours > reported ? ours : reported;
  return (
    off * tolerance.denominator <= dearer * tolerance.numerator + slackOf(reported) * tolerance.denominator
  );
}

function slackOf(reported: NanoAmount): bigint {
  let places = 9;
  for (let left = reported; places > 3 && left % 10n === 0n; left /= 10n) places--;
  return half / 10n ** BigInt(places);
}
