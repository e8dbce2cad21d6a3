import type { Conversation, JsonObject, Loss } from '#core/call.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import { lossesOfRest } from '#core/losses.ts';
import { isObject } from '#core/read-json.ts';
import type { Target } from '#core/target.ts';
import type { ModelCall } from './model-call.ts';

export interface RevisedBody {
  readonly json: JsonObject;
  /** Of the dialect's own fields, those that stood in what is another now. */
  readonly losses: readonly Loss[];
}

/**
 * The body of a call that policies have changed, for a provider of the client's dialect: the client's own, but for what the change makes
 * another. Found out by what the dialect writes for the call before and after. Null where the body with these changes would not be read as
 * the changed call: then that has to be written anew, and what is lost thereby said.
 */
export function revisedBody(call: ModelCall, dialect: Dialect, target: Target): RevisedBody | null {
  const render = (conversation: Conversation) => dialect.provider.renderCall(conversation, target).body;
  // A bound on output has several names in some dialects, and is set by its own means (`capOutput`).
  const came = call.came!;
  const { maxOutputTokens } = came;
  const wanted = render({ ...call.conversation(), maxOutputTokens });
  const revised = patch(call.json, JSON.parse(render(came)), JSON.parse(wanted)) as JsonObject;
  try {
    const read = dialect.client.parseCall(revised, call.line);
    if (render({ ...read, maxOutputTokens }) !== wanted) return null;
    const kept = new Set(lossesOfRest(read).map(({ field }) => field));
    const losses = lossesOfRest(came).filter(({ field }) => !kept.has(field));
    return { json: revised, losses: losses.map(({ field }) => ({ field, reason })) };
  } catch {
    return null;
  }
}

const reason = 'what it stood in was written anew by a policy';

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** `own` with what differs between `before` and `after`, which say the same as it in other letters. */
function patch(own: unknown, before: unknown, after: unknown): unknown {
  if (same(before, after)) return own;
  if (isObject(own) && isObject(before) && isObject(after)) return patchObject(own, before, after);
  if (Array.isArray(own) && Array.isArray(before) && Array.isArray(after) && own.length === before.length)
    return patchList(own, before, after);
  return after;
}

function patchObject(own: JsonObject, before: JsonObject, after: JsonObject): JsonObject {
  const keys = new Set([...Object.keys(own), ...Object.keys(after)]);
  const entries: [string, unknown][] = [];
  for (const key of keys) {
    const given = Object.hasOwn(own, key) ? own[key] : undefined;
    const [was, is] = [before[key], after[key]];
    const value = is === undefined && was === undefined ? given : patch(given, was, is);
    if (value !== undefined) entries.push([key, value]);
  }
  return Object.fromEntries(entries);
}

/** Items that stay are the client's own, in their order; one in the place of another is that with its changes. */
function patchList(
  own: readonly unknown[],
  before: readonly unknown[],
  after: readonly unknown[],
): unknown[] {
  const came = before.map((item) => JSON.stringify(item));
  let next = 0;
  return after.map((item, i) => {
    const at = came.indexOf(JSON.stringify(item), next);
    if (at >= 0) {
      next = at + 1;
      return own[at];
    }
    return before.length === after.length ? patch(own[i], before[i], item) : item;
  });
}
