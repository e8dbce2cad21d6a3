/**
 * Money is an integer count of nano-units of a currency (10⁻⁹) in a bigint. A price is an integer count of
 * nano-units for 10⁶ units of usage, so that $0.0375 per million tokens is exact. No float ever touches money.
 */
export type NanoAmount = bigint;

/** Nano-units of currency for one million units of usage. */
export type NanoPerMillion = bigint;

/** An exact share, such as 50 % or 1.2 times: both positive, but for a numerator of 0. */
export interface Ratio {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

export const whole: Ratio = { numerator: 1n, denominator: 1n };

const million = 1_000_000n;

/** Cost of `count` units at a share of a price. Rounds once, half up (counts and prices are never negative). */
export function costOf(count: number, price: NanoPerMillion, share = whole): NanoAmount {
  return divide(BigInt(count) * price * share.numerator, million * share.denominator);
}

/** A share of an amount. Rounds once, half up, away from zero below it. */
export function shareOf(amount: NanoAmount, { numerator, denominator }: Ratio): NanoAmount {
  return amount < 0n ? -divide(-amount * numerator, denominator) : divide(amount * numerator, denominator);
}

export function multiply(a: Ratio, b: Ratio): Ratio {
  return { numerator: a.numerator * b.numerator, denominator: a.denominator * b.denominator };
}

const divide = (of: bigint, by: bigint): bigint => (2n * of + by) / (2n * by);

/**
 * Parses a decimal amount of currency for one million units, as people write prices ("2.50", "0.0375").
 * @throws RangeError when it is not a plain non-negative decimal with at most nine places.
 */
export function parsePrice(text: string): NanoPerMillion {
  const match = /^(\d{1,12})(?:\.(\d{1,9}))?$/.exec(text);
  if (!match)
    throw new RangeError(`expected a decimal price with at most nine places, such as "2.50", got "${text}"`);
  return BigInt(match[1]!) * 1_000_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
}

/** Parses a percentage: "12.5%" is one eighth, exactly. @throws RangeError when it is none, or negative. */
export function parsePercent(text: string): Ratio {
  const match = /^(\d{1,6})(?:\.(\d{1,6}))?%$/.exec(text);
  if (!match) throw new RangeError(`expected a percentage such as "20%" or "12.5%", got "${text}"`);
  const places = match[2] ?? '';
  return { numerator: BigInt(match[1]! + places), denominator: 100n * 10n ** BigInt(places.length) };
}

/**
 * A number of somebody's JSON as an integer of units of 10^-places, rounded half up beyond them. It goes through the shortest
 * decimal text that reads back as the number, never through arithmetic on it: what was written with up to 15 digits is
 * what comes out. @throws RangeError for anything but a finite number that is not negative.
 */
export function scaleDecimal(value: number, places: number): bigint {
  const match = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value));
  if (!match) throw new RangeError(`expected a price, got ${value}`);
  const fraction = match[2] ?? '';
  const digits = BigInt(match[1]! + fraction);
  const shift = places - fraction.length + Number(match[3] ?? 0);
  return shift >= 0 ? digits * 10n ** BigInt(shift) : divide(digits, 10n ** BigInt(-shift));
}

/** Renders an amount as a plain decimal: 60000000n → "0.06". */
export function renderAmount(amount: NanoAmount): string {
  const sign = amount < 0n ? '-' : '';
  const digits = (amount < 0n ? -amount : amount).toString().padStart(10, '0');
  const places = digits.slice(-9).replace(/0+$/, '');
  return `${sign}${digits.slice(0, -9)}${places ? `.${places}` : ''}`;
}
