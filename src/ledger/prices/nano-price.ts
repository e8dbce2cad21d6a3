import { scaleDecimal, type NanoPerMillion } from '#core/money.ts';

/**
 * The exact price that a number of a data file was written as: nano-units for a million, of currency for a million. What lies
 * beyond nine places (0.18000000000000002, somebody's float arithmetic) is rounded half up.
 * @throws RangeError for anything but a finite number that is not negative.
 */
export const mapPrice = (price: number): NanoPerMillion => scaleDecimal(price, 9);

/** The cost of one in nano-units, from the price of a thousand. @throws RangeError as `mapPrice`. */
export const mapPriceOfThousand = (price: number): bigint => scaleDecimal(price, 6);
