import { BadRequest, requireObject } from './shape.ts';
import type { Json } from './shape.ts';

/** Models before the third generation think by budget, and prove nothing. */
export const thinksInLevels = (model: string): boolean => !/^gemini-[12][.-]/.test(model);

/** The vendor takes fields in snake case, too. */
export function inCamelCase(value: unknown, where: string, known: readonly string[]): Json {
  const read: Json = {};
  for (const [key, field] of Object.entries(requireObject(value, where))) {
    const name = key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (!known.includes(name)) {
      const at = where === '' ? '' : ` at '${where}'`;
      throw new BadRequest(
        key,
        `Invalid JSON payload received. Unknown name "${key}"${at}: Cannot find field.`,
      );
    }
    if (name in read) throw new BadRequest(key, `Invalid JSON payload received. "${key}" is given twice.`);
    read[name] = field;
  }
  return read;
}
