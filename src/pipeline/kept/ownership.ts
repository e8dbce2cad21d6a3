import type { JsonObject } from '#core/call.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import type { KeptThing } from '#core/contracts/keeper.ts';
import type { NamedThing } from '#core/contracts/keeping.ts';
import { Fault } from '#core/fault.ts';
import { mayHide, refuseHiddenKeys } from '#core/hidden-keys.ts';
import type { Passage } from '../passage.ts';
import { ownerOf } from './owner.ts';

/**
 * The provider that holds what a call names, at once for nearly all of them; null where it names nothing, or the route lets every name pass.
 * @throws Fault `access/resource` for what is not the caller's own.
 */
export function holderOf(
  passage: Passage,
  { client }: Dialect,
  { json, text }: { readonly json: JsonObject; readonly text: string },
): string | null | Promise<string | null> {
  const named = namedIn(passage, { client }, { json, text });
  return named.length === 0 ? null : holderOfNames(passage, named);
}

/** Does the route let every name pass? */
export const passesNames = ({ route: { route } }: Passage): boolean =>
  route.kind === 'llm' && route.vendorIds === 'pass';

/**
 * What a call names and must be the caller's.
 * @throws Fault `access/resource` for what cannot be looked up.
 */
export function namedIn(
  passage: Passage,
  { client }: Pick<Dialect, 'client'>,
  { json, text }: { readonly json: JsonObject; readonly text: string },
): readonly NamedThing[] {
  if (passesNames(passage)) return [];
  // What the provider's parser sees must be what ours has seen.
  if (mayHide(text, client.vendorIdWords)) refuseHiddenKeys(text);
  const { keeping } = client;
  const fields = client.vendorIds(json).filter((field) => !keeping?.allows.includes(field));
  if (fields.length === 0) return [];
  const named = keeping?.namesOf(json) ?? [];
  // What is found and cannot be looked up is nobody's.
  const strange = fields.find((field) => !named.some(({ path }) => path === field));
  if (strange !== undefined) throw notYours(strange);
  return named;
}

/** A call names no more things than this. */
const maxNames = 1000;

/** @throws Fault where one of them is not the caller's, or two are held by two providers. */
export async function holderOfNames(passage: Passage, named: readonly NamedThing[]): Promise<string | null> {
  if (named.length === 0) return null;
  const strange = named.find(({ id }) => id === null);
  if (strange) throw notYours(strange.path);
  const ids = [...new Set(named.map(({ id }) => id!))];
  if (ids.length > maxNames) {
    const message = `The call names ${ids.length} things that a provider keeps; ${maxNames} are looked up at most.`;
    throw new Fault('request/invalid-field', message, { field: named[maxNames]!.path });
  }
  const things = await foundThings(passage, ids);
  let holders: readonly string[] = [];
  for (const [i, { path, id }] of named.entries()) {
    const at = things.filter((thing) => thing.id === id).map(({ provider }) => provider);
    if (at.length === 0) throw notYours(path);
    holders = i === 0 ? at : holders.filter((holder) => at.includes(holder));
    if (holders.length > 0) continue;
    const message = `${path} names something that another provider holds than what the call names before it.`;
    throw new Fault('request/invalid-field', message, { field: path });
  }
  return holders[0]!;
}

/** The caller's own of these ids. @throws Fault `gateway/journal` when the record cannot be read. */
export async function foundThings(passage: Passage, ids: readonly string[]): Promise<readonly KeptThing[]> {
  try {
    return await passage.gateway.keeper.find(ownerOf(passage), ids);
  } catch (cause) {
    throw unreadable(cause);
  }
}

export const unreadable = (cause: unknown): Fault =>
  new Fault('gateway/journal', 'Whose the named things are cannot be looked up at the moment.', {
    cause,
    headers: ['retry-after', '5'],
  });

/** What a call names that may be another's. */
export const notYours = (field: string): Fault =>
  new Fault(
    'access/resource',
    `${field} names something kept at the provider that is not known to be yours. Send the content itself, or have ` +
      'the operator allow such ids on this route (vendorIds: pass).',
    { field },
  );
