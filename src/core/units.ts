const durations: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const sizes: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

function parseQuantity(value: string | number, units: Readonly<Record<string, number>>): number {
  if (typeof value === 'number') return value;
  const match = /^(\d+)([A-Za-z]+)$/.exec(value);
  const unit = match ? units[match[2]!] : undefined;
  if (!match || unit === undefined)
    throw new RangeError(`"${value}" has none of the units ${Object.keys(units).join(', ')}`);
  return Number(match[1]) * unit;
}

/** Milliseconds of "30s", "5min" …; a number is milliseconds already. @throws RangeError */
export const parseDuration = (value: string | number): number => parseQuantity(value, durations);

/** Bytes of "64KiB" …; a number is bytes already. @throws RangeError */
export const parseSize = (value: string | number): number => parseQuantity(value, sizes);
