import type { JsonObject, MediaSource, Part, Turn, Words } from '#core/call.ts';

export interface How {
  readonly words: Words;
  readonly lose: (field: string, reason: string) => void;
}

/** https://docs.cohere.com/reference/chat#request.body.messages */
export function renderTurn(turn: Turn, how: How): JsonObject[] {
  const { words, lose } = how;
  if (turn.name !== undefined) lose(words.speaker, 'the target has no names of speakers');
  for (const part of turn.parts) if ('cache' in part) lose(words.cache, 'the target chooses what it keeps');
  switch (turn.role) {
    case 'assistant':
      return [renderAssistant(turn, how)];
    case 'tool':
      return renderResults(turn, how);
    default: {
      const content = contentOf(turn.parts.flatMap((part) => renderPart(part, how)));
      return content === null ? [] : [{ role: turn.role, content }];
    }
  }
}

/** One text alone is a string. */
function contentOf(parts: readonly JsonObject[]): unknown {
  const [only] = parts;
  if (only === undefined) return null;
  return parts.length === 1 && only['type'] === 'text' ? only['text'] : parts;
}

/** What is said before tools are called is the plan for them. */
function renderAssistant(turn: Turn, how: How): JsonObject {
  const { words, lose } = how;
  const calls = turn.parts.filter((part) => part.type === 'tool-call');
  const parts = turn.parts.flatMap((part): JsonObject[] => {
    if (part.type !== 'reasoning') return renderPart(part, how);
    if (part.sealed !== null) lose(words.sealedPart, 'reasoning goes back only to the provider that made it');
    return part.text === '' ? [] : [{ type: 'thinking', thinking: part.text }];
  });
  if (calls.length === 0) return { role: 'assistant', content: contentOf(parts) ?? '' };
  if (calls.some((call) => call.signature !== undefined))
    lose(words.toolCallSignature, 'it is proof to the provider that made it alone');
  const plan = parts.map((part) => (part['type'] === 'text' ? String(part['text']) : '')).join('');
  const content = contentOf(parts.filter((part) => part['type'] !== 'text'));
  return {
    role: 'assistant',
    ...(content === null ? {} : { content }),
    ...(plan === '' ? {} : { tool_plan: plan }),
    tool_calls: calls.map((call) => ({
      id: call.id,
      type: 'function',
      function: { name: call.name, arguments: call.arguments },
    })),
  };
}

/** Results are text; their pictures follow all of them as the user's. */
function renderResults(turn: Turn, how: How): JsonObject[] {
  const { words, lose } = how;
  const results = turn.parts.filter((part) => part.type === 'tool-result');
  if (results.some(({ isError }) => isError))
    lose(words.toolResultError, 'the target has no mark for failed tools');
  const rendered = results.map(({ callId, parts }) => ({
    callId,
    parts: parts.flatMap((part) => renderPart(part, how)),
  }));
  const media = rendered.flatMap(({ parts }) => parts.filter((part) => part['type'] !== 'text'));
  if (media.length) lose(words.toolResult, "pictures of a result are sent as the user's");
  return [
    ...rendered.map(({ callId, parts }) => ({
      role: 'tool',
      tool_call_id: callId,
      content: parts.map((part) => (part['type'] === 'text' ? String(part['text']) : '')).join(''),
    })),
    ...(media.length ? [{ role: 'user', content: media }] : []),
  ];
}

function renderPart(part: Part, { words, lose }: How): JsonObject[] {
  switch (part.type) {
    case 'text':
    case 'refusal':
      return [{ type: 'text', text: part.text }];
    case 'image': {
      const url = urlOf(part.source);
      if (url === null) {
        lose(words.file, 'a file id belongs to the provider that gave it');
        return [];
      }
      const isKnown = part.detail === undefined || details.has(part.detail);
      if (!isKnown) lose(words.imageDetail, 'the target knows low, high and auto, which is used');
      const detail = part.detail === undefined || !isKnown ? {} : { detail: part.detail };
      return [{ type: 'image_url', image_url: { url, ...detail } }];
    }
    case 'document': {
      const { source } = part;
      if (source.kind !== 'base64' || source.mediaType !== 'text/plain') {
        lose(words.document, 'the target reads no documents but plain text');
        return [];
      }
      if (part.name !== undefined) lose(words.documentName, 'the text is sent without it');
      return [{ type: 'text', text: Buffer.from(source.data, 'base64').toString('utf8') }];
    }
    case 'audio':
      lose(words.audio, 'the target hears nothing');
      return [];
    case 'video':
      lose(words.video, 'the target sees no moving pictures');
      return [];
    default:
      return [];
  }
}

const details = new Set(['auto', 'low', 'high']);

function urlOf(source: MediaSource): string | null {
  if (source.kind === 'url') return source.url;
  return source.kind === 'base64' ? `data:${source.mediaType};base64,${source.data}` : null;
}
