import { decodedParameter } from '../query.ts';
import { readPairs } from './parameter-styles.ts';
import { readScalar, type ValueShape } from './value-shape.ts';

const textual: ValueShape = { types: new Set(['string']), items: null, members: new Map() };

/** `application/x-www-form-urlencoded`, by what its fields are to be; a list is written by repeating its name. */
export function readForm(text: string, { members }: ValueShape): Readonly<Record<string, unknown>> | 'twice' {
  const fields = new Map<string, string[]>();
  for (const [name, value] of readPairs(text)) {
    const known = fields.get(name);
    if (known) known.push(decodedParameter(value));
    else fields.set(name, [decodedParameter(value)]);
  }
  const entries: [string, unknown][] = [];
  for (const [name, values] of fields) {
    const shape = members.get(name) ?? textual;
    if (shape.types.has('array'))
      entries.push([name, values.map((value) => readScalar(value, shape.items ?? textual))]);
    else if (values.length > 1) return 'twice';
    else entries.push([name, readScalar(values[0]!, shape)]);
  }
  return Object.fromEntries(entries);
}
