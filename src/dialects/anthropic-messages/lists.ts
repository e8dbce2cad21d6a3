import { queryValues } from '#core/query.ts';
import { invalidField } from '#core/read-json.ts';

/** Things on a page: as many as said, 20 where nothing is. @throws Fault `request/invalid-field`. */
export function readLimit(query: string): number {
  const [limit] = queryValues(query, 'limit');
  if (limit === undefined) return 20;
  if (!/^[1-9]\d{0,3}$/.test(limit) || Number(limit) > 1000)
    throw invalidField('limit', 'a number from 1 to 1000', limit);
  return Number(limit);
}
