import type { KeptWish } from '#core/contracts/keeping.ts';
import { queryValues } from '#core/query.ts';
import { invalidField } from '#core/read-json.ts';

/** The token of a page is the name of the last thing on the one before. @throws Fault `request/invalid-field`. */
export function readPageOf(query: string): KeptWish {
  const size = queryValues(query, 'pageSize')[0];
  if (size !== undefined && !/^\d{1,4}$/.test(size)) throw invalidField('pageSize', 'a number to 1000', size);
  return {
    after: queryValues(query, 'pageToken')[0] || null,
    order: 'desc',
    limit: Math.min(1000, Number(size) || 10),
    fits: () => true,
  };
}
