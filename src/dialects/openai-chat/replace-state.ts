import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';

/** Readable reasoning stays where its proof goes: a proof is an entry of its own here. */
export function replaceState(
  body: JsonObject,
  open: (state: string) => string | null,
): ReadonlyMap<string, string> {
  const replace = (detail: unknown): unknown[] => {
    if (!isObject(detail)) return [detail];
    const field = ['signature', 'data'].find((name) => typeof detail[name] === 'string');
    if (field === undefined) return [detail];
    const opened = open(detail[field] as string);
    return opened === null ? [] : [{ ...detail, [field]: opened }];
  };
  const messages = Array.isArray(body['messages']) ? (body['messages'] as unknown[]) : [];
  const replaced = messages.map((message) => {
    if (!isObject(message) || !Array.isArray(message['reasoning_details'])) return message;
    const { reasoning_details: details, ...rest } = message;
    const left = (details as unknown[]).flatMap(replace);
    return left.length > 0 ? { ...rest, reasoning_details: left } : rest;
  });
  return new Map([['messages', JSON.stringify(replaced)]]);
}
