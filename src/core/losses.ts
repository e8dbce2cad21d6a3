import type { Conversation, JsonObject, Loss, Part } from './call.ts';

/**
 * What a conversation holds that no other dialect has a word for: fields of its own dialect, and parts that only that
 * understands. Each is named in the client's words.
 */
export function lossesOfRest(conversation: Conversation): Loss[] {
  const losses = new Map<string, Loss>();
  const note = (rest: JsonObject | undefined, at: string) => {
    for (const key of Object.keys(rest ?? {})) {
      const field = at === '' ? key : `${at}.${key}`;
      losses.set(field, { field, reason: 'the target has no word for it' });
    }
  };
  note(conversation.rest, '');
  note(conversation.reasoning?.rest, 'reasoning');
  for (const tool of conversation.tools) {
    note(tool.rest, 'tools[]');
    if (!tool.schema)
      losses.set(`tools[${tool.name}]`, {
        field: `tools[${tool.name}]`,
        reason: 'a kind of tool only its own dialect has',
      });
  }
  const walk = (parts: readonly Part[]) => {
    for (const part of parts) {
      if (part.type === 'opaque') {
        const field = `messages[].content[${String(part.raw['type'] ?? Object.keys(part.raw)[0] ?? 'unknown')}]`;
        losses.set(field, { field, reason: 'a kind of content only its own dialect has' });
      }
      if ('rest' in part) note(part.rest, 'messages[].content[]');
      if (part.type === 'tool-result') walk(part.parts);
    }
  };
  for (const turn of conversation.turns) {
    note(turn.rest, 'messages[]');
    walk(turn.parts);
  }
  return [...losses.values()];
}
