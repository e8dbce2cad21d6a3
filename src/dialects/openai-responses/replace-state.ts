import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';

/** An item of reasoning is nothing without its state; with another state it is no longer the one its id names. */
export function replaceState(
  body: JsonObject,
  open: (state: string) => string | null,
): ReadonlyMap<string, string> {
  if (!Array.isArray(body['input'])) return new Map();
  const replaced = (body['input'] as unknown[]).flatMap((item) => {
    if (!isObject(item) || item['type'] !== 'reasoning') return [item];
    const state = item['encrypted_content'];
    if (typeof state !== 'string') return [item];
    const opened = open(state);
    if (opened === null) return [];
    if (opened === state) return [item];
    const { id: _, ...rest } = item;
    return [{ ...rest, encrypted_content: opened }];
  });
  return new Map([['input', JSON.stringify(replaced)]]);
}
