import type { JsonObject, Part, Turn, Words } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';
import { audioBlob, renderSource } from './media.ts';
import { withNoProof, withProofs } from './proof.ts';

export interface How {
  readonly words: Words;
  readonly lose: (field: string, reason: string) => void;
  /** Names of the tools called so far, by the calls' ids. */
  readonly names: Map<string, string>;
  /** Does the model refuse calls that come back without their proof? */
  readonly wantsProof: boolean;
}

export interface Content {
  readonly role: 'user' | 'model';
  readonly parts: JsonObject[];
}

/** Turns of one side in a row are one, but for results of tools, which answer the calls before them and nothing else. */
export function renderTurns(turns: readonly Turn[], how: How): Content[] {
  const contents: (Content & { readonly of: Turn['role'] })[] = [];
  for (const turn of turns) {
    if (turn.name !== undefined) how.lose(how.words.speaker, 'the target has no names of speakers');
    if (turn.role === 'system')
      how.lose(
        'messages[role=system]',
        "the target takes instructions at the beginning; later ones are sent as the user's",
      );
    const of = turn.role === 'system' ? 'user' : turn.role;
    const parts =
      of === 'assistant' ? renderAnswered(turn, how) : turn.parts.flatMap((part) => renderPart(part, how));
    if (parts.length === 0) continue;
    const last = contents.at(-1);
    if (last?.of === of) last.parts.push(...parts);
    else contents.push({ of, role: of === 'assistant' ? 'model' : 'user', parts });
  }
  return contents.map(({ role, parts }) => ({ role, parts }));
}

function renderAnswered(turn: Turn, how: How): JsonObject[] {
  const parts = withProofs(turn.parts.flatMap((part) => renderPart(part, how)));
  return how.wantsProof ? withNoProof(parts) : parts;
}

export function renderPart(part: Part, how: How): JsonObject[] {
  const { words, lose } = how;
  if ('cache' in part) lose(words.cache, 'the target chooses what it keeps');
  switch (part.type) {
    case 'text':
    case 'refusal':
      // Empty text is refused by this API, and says nothing.
      return part.text === '' ? [] : [{ text: part.text }];
    case 'image':
      if (part.detail !== undefined)
        lose(words.imageDetail, 'the target has no such setting for every model');
      return renderMedia(part, how);
    case 'document':
      if (part.name !== undefined) lose(words.documentName, 'the document is sent without it');
      return renderMedia(part, how);
    case 'video':
      return renderMedia(part, how);
    case 'audio':
      return [audioBlob(part.format, part.data)];
    case 'reasoning': {
      if (part.sealed !== null) {
        lose(words.sealedPart, 'reasoning goes back only to the provider that made it');
        return [];
      }
      const proof = part.signature === null ? {} : { thoughtSignature: part.signature };
      if (part.text !== '') return [{ text: part.text, thought: true, ...proof }];
      return part.signature === null ? [] : [{ text: '', ...proof }];
    }
    case 'tool-call':
      how.names.set(part.id, part.name);
      return [
        {
          functionCall: { id: part.id, name: part.name, args: parseArguments(part.arguments, lose) },
          ...(part.signature === undefined ? {} : { thoughtSignature: part.signature }),
        },
      ];
    case 'tool-result':
      return [renderResult(part, how)];
    default:
      return [];
  }
}

function renderMedia(
  part: Extract<Part, { type: 'image' | 'document' | 'video' }>,
  { words, lose }: How,
): JsonObject[] {
  const rendered = renderSource(part.source);
  if (!rendered) lose(words.file, 'a file id belongs to the provider that gave it');
  return rendered ? [rendered] : [];
}

/** https://ai.google.dev/api/caching#FunctionResponse */
function renderResult(part: Extract<Part, { type: 'tool-result' }>, how: How): JsonObject {
  const text = part.parts.map((inner) => (inner.type === 'text' ? inner.text : '')).join('');
  const media = part.parts.flatMap((inner) => (inner.type === 'text' ? [] : renderPart(inner, how)));
  return {
    functionResponse: {
      id: part.callId,
      name: how.names.get(part.callId) ?? part.callId,
      response: part.isError ? { error: text } : { output: text },
      ...(media.length > 0 ? { parts: media } : {}),
    },
  };
}

/** Arguments are an object here. What the model wrote that is none is kept under a name that says so. */
function parseArguments(text: string, lose: How['lose']): JsonObject {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // Said below.
  }
  lose('messages[].tool_calls[].function.arguments', 'not a JSON object, sent as { "text": … }');
  return { text };
}
