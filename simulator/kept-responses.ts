import type { Account } from './accounts.ts';
import { isObject } from './shape.ts';
import type { Json } from './shape.ts';

/** Keeps a response where the caller has not asked for the contrary. */
export function keepResponse(account: Account, body: Json, response: Json): void {
  if (body.store === false) return;
  const id = String(response.id);
  const given: unknown[] = Array.isArray(body.input) ? body.input : [{ role: 'user', content: body.input }];
  const input = given
    .filter(isObject)
    .map((item, at): Json => ({ id: `msg_in_${id}_${at}`, type: 'message', ...item }));
  const looks = body.background === true ? 1 : 0;
  account.responses.set(id, { response: { ...response, store: true }, input, looks });
}

/** A response that is made while nobody waits. */
export const unfinished = (response: Json, status: string): Json => ({
  ...response,
  status,
  background: true,
  output: [],
  usage: null,
});

/** Ids that a call names and the account does not have. */
export function missingFor(account: Account, body: Json): string | null {
  const previous = body.previous_response_id;
  if (typeof previous === 'string' && !account.responses.has(previous))
    return `Previous response with id '${previous}' not found.`;
  return null;
}
