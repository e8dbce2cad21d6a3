import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';
import type { Quirks } from '#core/target.ts';

/** Names that mean the same among the providers of this dialect. */
export const caps = ['max_completion_tokens', 'max_tokens'] as const;
const seeds = ['seed', 'random_seed'] as const;

const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

/** What a call that goes on in its own words names otherwise than the provider does: fields to set, and to remove. */
export function otherNames(body: JsonObject, quirks: Quirks): Map<string, string | null> {
  const edits = new Map<string, string | null>();
  rename(body, { from: caps, to: quirks.maxTokensField }, edits);
  rename(body, { from: seeds, to: quirks.seedField }, edits);
  const choice = body['tool_choice'];
  if (quirks.requiredChoice !== undefined && (choice === 'any' || choice === 'required'))
    if (choice !== quirks.requiredChoice) edits.set('tool_choice', JSON.stringify(quirks.requiredChoice));
  const { toolCallIdLength: length } = quirks;
  if (length !== undefined) {
    const messages = withFittingIds(body['messages'], length);
    if (messages) edits.set('messages', JSON.stringify(messages));
  }
  return edits;
}

function rename(
  body: JsonObject,
  { from, to }: { readonly from: readonly string[]; readonly to: string | undefined },
  edits: Map<string, string | null>,
): void {
  if (to === undefined) return;
  for (const name of from) {
    if (name === to || !isGiven(body[name])) continue;
    edits.set(name, null);
    if (!isGiven(body[to])) edits.set(to, JSON.stringify(body[name]));
  }
}

/** Null where all of them fit as they are. */
function withFittingIds(messages: unknown, length: number): unknown[] | null {
  if (!Array.isArray(messages)) return null;
  let changed = false;
  const fit = (id: unknown): unknown => {
    if (typeof id !== 'string') return id;
    const fitting = fittingId(id, length);
    if (fitting !== id) changed = true;
    return fitting;
  };
  const fitted = messages.map((message: unknown): unknown => {
    if (!isObject(message)) return message;
    const { tool_calls: calls, tool_call_id: id } = message;
    return {
      ...message,
      ...(Array.isArray(calls)
        ? {
            tool_calls: calls.map((call: unknown): unknown =>
              isObject(call) ? { ...call, id: fit(call['id']) } : call,
            ),
          }
        : {}),
      ...(id === undefined ? {} : { tool_call_id: fit(id) }),
    };
  });
  return changed ? fitted : null;
}

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** The id itself where it fits, else letters and digits that are always the same for it (FNV-1a, 64 bits). */
export function fittingId(id: string, length: number | undefined): string {
  if (length === undefined || (id.length === length && /^[A-Za-z0-9]+$/.test(id))) return id;
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(id, 'utf8'))
    hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  let fitting = '';
  for (let rest = hash; fitting.length < length; rest = rest / 62n || hash)
    fitting += digits[Number(rest % 62n)];
  return fitting;
}
