/**
 * Money is an integer count of nano-units of a currency (10⁻⁹) in a bigint. A price is an integer count of
 * nano-units for 10⁶ units of usage, so that $0.0375 per million tokens is exact. No float ever touches money.
 */
export type NanoAmount = bigint;

/** Nano-units of currency for one million units of usage. */
export type NanoPerMillion = bigint;

const million = 1_000_000n;

/** Cost of `count` units. Rounds once, half up (counts and prices are never negative). */
export function costOf(count: number, price: NanoPerMillion): NanoAmount {
  return (BigInt(count) * price + million / 2n) / million;
}

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

/** Renders an amount as a plain decimal: 60000000n → "0.06". */
export function renderAmount(amount: NanoAmount): string {
  const sign = amount < 0n ? '-' : '';
  const digits = (amount < 0n ? -amount : amount).toString().padStart(10, '0');
  const places = digits.slice(-9).replace(/0+$/, '');
  return `${sign}${digits.slice(0, -9)}${places ? `.${places}` : ''}`;
}
