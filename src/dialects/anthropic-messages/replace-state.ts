import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';

/** Thinking is nothing without its signature, nor is sealed thinking without its data. */
export function replaceState(
  body: JsonObject,
  open: (state: string) => string | null,
): ReadonlyMap<string, string> {
  const replace = (block: unknown): unknown[] => {
    if (!isObject(block)) return [block];
    const field =
      block['type'] === 'thinking' ? 'signature' : block['type'] === 'redacted_thinking' ? 'data' : null;
    const state = field === null ? null : block[field];
    if (field === null || typeof state !== 'string') return [block];
    const opened = open(state);
    return opened === null ? [] : [{ ...block, [field]: opened }];
  };
  const messages = Array.isArray(body['messages']) ? (body['messages'] as unknown[]) : [];
  const replaced = messages.map((message) =>
    isObject(message) && Array.isArray(message['content'])
      ? { ...message, content: (message['content'] as unknown[]).flatMap(replace) }
      : message,
  );
  return new Map([['messages', JSON.stringify(replaced)]]);
}
