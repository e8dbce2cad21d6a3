import type { JsonObject } from '#core/call.ts';
import { fromBytes } from '#core/opaque-state.ts';
import { isObject } from '#core/read-json.ts';

/** Reasoning is nothing without its signature, nor is sealed reasoning without its bytes. */
export function replaceState(
  body: JsonObject,
  open: (state: string) => string | null,
): ReadonlyMap<string, string> {
  const replace = (block: unknown): unknown[] => {
    const reasoning = isObject(block) ? block['reasoningContent'] : undefined;
    if (!isObject(reasoning)) return [block];
    const sealed = reasoning['redactedContent'];
    if (typeof sealed === 'string') {
      const opened = open(fromBytes(sealed));
      return opened === null ? [] : [{ reasoningContent: { redactedContent: opened } }];
    }
    const said = reasoning['reasoningText'];
    if (!isObject(said) || typeof said['signature'] !== 'string') return [block];
    const opened = open(said['signature']);
    return opened === null ? [] : [{ reasoningContent: { reasoningText: { ...said, signature: opened } } }];
  };
  const messages = Array.isArray(body['messages']) ? (body['messages'] as unknown[]) : [];
  const replaced = messages.map((message) =>
    isObject(message) && Array.isArray(message['content'])
      ? { ...message, content: (message['content'] as unknown[]).flatMap(replace) }
      : message,
  );
  return new Map([['messages', JSON.stringify(replaced)]]);
}
