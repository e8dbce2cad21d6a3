import type { NanoPerMillion } from '#core/money.ts';

/**
 * The exact price that a number of a data file was written as: nano-units for a million, of currency for a million. It
 * goes through the shortest decimal text that reads back as the number, never through arithmetic on it; what lies
 * beyond nine places (0.18000000000000002, somebody's float arithmetic) is rounded half up.
 * @throws RangeError for anything but a finite number that is not negative.
 */
export function mapPrice(price: number): NanoPerMillion {
  return scaleDecimal(price, 9);
}

/** The cost of one in nano-units, from the price of a thousand. @throws RangeError as `mapPrice`. */
export function mapPriceOfThousand(price: number): bigint {
  return scaleDecimal(price, 6);
}

function scaleDecimal(value: number, places: number): bigint {
  const match = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value));
  if (!match) throw new RangeError(`expected a price, got ${value}`);
  const fraction = match[2] ?? '';
  const digits = BigInt(match[1]! + fraction);
  const shift = places - fraction.length + Number(match[3] ?? 0);
  if (shift >= 0) return digits * 10n ** BigInt(shift);
  const divisor = 10n ** BigInt(-shift);
  return (digits + divisor / 2n) / divisor;
}
