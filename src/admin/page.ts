import { Type, type Static } from 'typebox';
import { ControlError } from '#core/contracts/control-plane.ts';

const usualLimit = 100;

/** Of a long list, what follows upon a page. */
export const pageFields = {
  limit: Type.Optional(Type.String({ pattern: '^([1-9]\\d{0,2}|1000)$', description: 'Up to 1000 (100).' })),
  cursor: Type.Optional(
    Type.String({ maxLength: 512, pattern: '^[A-Za-z0-9_-]+$', description: '`next` of the page before.' }),
  ),
};
export const PageQuery = Type.Object(pageFields, { additionalProperties: false });
export const Next = Type.Optional(
  Type.String({ description: 'Cursor of the next page; absent on the last one.' }),
);

/** A part of a list whose members are known by ids. @throws ControlError 400 for a cursor that leads nowhere. */
export function pageOf<T>(
  members: readonly T[],
  { limit, cursor }: Static<typeof PageQuery>,
  idOf: (member: T) => string,
): { readonly page: readonly T[]; readonly next: { readonly next?: string } } {
  let from = 0;
  if (cursor !== undefined) {
    const id = Buffer.from(cursor, 'base64url').toString();
    from = members.findIndex((member) => idOf(member) === id) + 1;
    if (from === 0)
      throw new ControlError(400, 'cursor: what it stood at is not there any more; begin anew.');
  }
  const page = members.slice(from, from + Number(limit ?? usualLimit));
  const last = page.at(-1);
  const hasMore = from + page.length < members.length;
  return { page, next: hasMore && last ? { next: Buffer.from(idOf(last)).toString('base64url') } : {} };
}
