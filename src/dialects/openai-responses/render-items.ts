import type { Conversation, JsonObject, MediaSource, Part, Turn, Words } from '#core/call.ts';

export type Lose = (field: string, reason: string) => void;

/** Not every server and model takes markers, and all of them keep what they can. */
const ownCache = 'the target chooses what it keeps';

interface How {
  readonly words: Words;
  readonly lose: Lose;
}

/** Turns as items: each message, call, result and piece of reasoning is one of its own here. */
export function renderItems({ turns, words }: Conversation, lose: Lose): JsonObject[] {
  const how: How = { words, lose };
  return turns.flatMap((turn) => {
    if (turn.name !== undefined) lose(words.speaker, 'the target has no names of speakers');
    switch (turn.role) {
      case 'assistant':
        return renderAssistant(turn, how);
      case 'tool':
        return turn.parts.flatMap((part) => renderResult(part, how));
      default: {
        const content = turn.parts.flatMap((part) => renderPart(part, how));
        return content.length > 0 ? [{ role: turn.role, content }] : [];
      }
    }
  });
}

/** In the order in which the model said it; neighbouring texts are one message. */
function renderAssistant(turn: Turn, how: How): JsonObject[] {
  const items: JsonObject[] = [];
  let content: JsonObject[] | null = null;
  for (const part of turn.parts) {
    const said = saidPart(part, how);
    if (said) {
      if (!content) items.push({ role: 'assistant', content: (content = []) });
      content.push(said);
      continue;
    }
    const item = itemOf(part, how);
    if (!item) continue;
    content = null;
    items.push(item);
  }
  return items;
}

function saidPart(part: Part, { words, lose }: How): JsonObject | null {
  if (part.type === 'refusal') return { type: 'refusal', refusal: part.text };
  if (part.type !== 'text') return null;
  if (part.cache) lose(words.cache, ownCache);
  return { type: 'output_text', text: part.text };
}

const notSaid = 'the model cannot have said it here';

function itemOf(part: Part, { words, lose }: How): JsonObject | null {
  switch (part.type) {
    case 'tool-call':
      if (part.cache) lose(words.cache, ownCache);
      if (part.signature !== undefined)
        lose(words.toolCallSignature, 'it goes back only to the provider that made it');
      return { type: 'function_call', call_id: part.id, name: part.name, arguments: part.arguments };
    case 'reasoning': {
      const state = part.signature ?? part.sealed;
      if (state === null) {
        lose(words.reasoningPart, 'the target takes reasoning back only with its proof');
        return null;
      }
      const summary = part.text === '' ? [] : [{ type: 'summary_text', text: part.text }];
      return { type: 'reasoning', summary, encrypted_content: state };
    }
    case 'image':
    case 'document':
    case 'audio':
    case 'video':
      lose(words[part.type], notSaid);
      return null;
    default:
      return null;
  }
}

function renderResult(part: Part, how: How): JsonObject[] {
  if (part.type !== 'tool-result') return [];
  const { words, lose } = how;
  if (part.isError) lose(words.toolResultError, 'the target has no mark for failed tools');
  if (part.cache) lose(words.cache, ownCache);
  const isText = part.parts.every(({ type }) => type === 'text');
  const output = isText
    ? part.parts.map((of) => (of.type === 'text' ? of.text : '')).join('')
    : part.parts.flatMap((of) => renderPart(of, how));
  return [{ type: 'function_call_output', call_id: part.callId, output }];
}

function renderPart(part: Part, how: How): JsonObject[] {
  const { words, lose } = how;
  if ('cache' in part && part.cache) lose(words.cache, ownCache);
  switch (part.type) {
    case 'text':
      return [{ type: 'input_text', text: part.text }];
    case 'image': {
      const url = urlOf(part.source);
      if (url !== null) return [{ type: 'input_image', image_url: url, detail: part.detail ?? 'auto' }];
      lose(words.file, 'a file id belongs to the provider that gave it');
      return [];
    }
    case 'video':
      lose(words.video, 'the target sees no moving pictures');
      return [];
    case 'audio':
      lose(words.audio, 'the target hears no sound');
      return [];
    case 'document':
      return renderDocument(part, how).map((rendered) => ({ ...rendered }));
    default:
      return [];
  }
}

function renderDocument(part: Part & { readonly type: 'document' }, { words, lose }: How): JsonObject[] {
  const { source, name } = part;
  switch (source.kind) {
    case 'url':
      if (name !== undefined) lose(words.documentName, 'the target names linked documents itself');
      return [{ type: 'input_file', file_url: source.url }];
    case 'file':
      lose(words.file, 'a file id belongs to the provider that gave it');
      return [];
    case 'base64':
      if (source.mediaType === 'text/plain') {
        if (name !== undefined) lose(words.documentName, 'the text is sent without it');
        return [{ type: 'input_text', text: Buffer.from(source.data, 'base64').toString('utf8') }];
      }
      return [
        {
          type: 'input_file',
          filename: name ?? 'document.pdf',
          file_data: `data:${source.mediaType};base64,${source.data}`,
        },
      ];
  }
}

function urlOf(source: MediaSource): string | null {
  if (source.kind === 'url') return source.url;
  return source.kind === 'base64' ? `data:${source.mediaType};base64,${source.data}` : null;
}
