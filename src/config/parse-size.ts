const units: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
};

/** A whole number with its unit. Part of the published schema. */
export const sizePattern = '^[0-9]{1,6}(?:B|KiB|MiB|GiB|kB|MB|GB)$';

/**
 * Parses `512B`, `64KiB`, `32MiB`, `10MB` into bytes.
 * @throws RangeError for anything else, a number without its unit above all.
 */
export function parseSize(text: string): number {
  const match = /^(\d{1,6})(B|KiB|MiB|GiB|kB|MB|GB)$/.exec(text);
  if (!match) throw new RangeError(`expected a size with its unit, such as 32MiB or 512KiB, got "${text}"`);
  return Number(match[1]) * units[match[2]!]!;
}
