import type { JsonObject, Part, Turn } from '#core/call.ts';
import { invalidField, isObject, optional, readBoolean, readString, restOf } from '#core/read-json.ts';
import { readMessage, readRepeated } from './fields.ts';
import { parseFile, parseInline } from './media.ts';
import { joinProofs, proofOf } from './proof.ts';

interface Call {
  readonly id: string;
  readonly name: string;
  answered: boolean;
}

/** https://ai.google.dev/api/caching#Content */
export function parseContents(value: unknown): Turn[] {
  const calls: Call[] = [];
  return readRepeated(value).flatMap((content, i): Turn[] => {
    const path = `contents[${i}]`;
    const { role, parts, rest } = readContent(content, path);
    if (role === 'model')
      return [
        {
          role: 'assistant',
          parts: joinProofs(parts.flatMap((part, j) => parseModelPart(part, `${path}.parts[${j}]`, calls))),
          ...rest,
        },
      ];
    return splitResults(
      parts.flatMap((part, j) => parsePart(part, `${path}.parts[${j}]`, calls)),
      rest,
    );
  });
}

/** Instructions are parts of text. */
export function parseInstruction(value: unknown): Turn[] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return [{ role: 'system', parts: [{ type: 'text', text: value }] }];
  const { parts } = readContent(value, 'systemInstruction');
  return [
    {
      role: 'system',
      parts: parts.flatMap((part, i) => parsePart(part, `systemInstruction.parts[${i}]`, [])),
    },
  ];
}

function readContent(value: unknown, path: string) {
  const content = readMessage(value, path);
  const role = optional(content['role'], `${path}.role`, readString) ?? 'user';
  if (!['user', 'model', 'function', 'tool'].includes(role))
    throw invalidField(`${path}.role`, '"user" or "model"', role);
  const rest = restOf(content, new Set(['role', 'parts']));
  return { role, parts: readRepeated(content['parts']), rest: rest ? { rest } : {} };
}

/** Results of tools stand among what the user says: they are turns of their own. */
function splitResults(parts: readonly Part[], rest: { rest?: JsonObject }): Turn[] {
  const turns: { role: 'user' | 'tool'; parts: Part[] }[] = [];
  for (const part of parts) {
    const role = part.type === 'tool-result' ? 'tool' : 'user';
    const last = turns.at(-1);
    if (last?.role === role) last.parts.push(part);
    else turns.push({ role, parts: [part] });
  }
  if (turns.length === 0) turns.push({ role: 'user', parts: [] });
  return turns.map((turn) => ({ ...turn, ...rest }));
}

const known = new Set([
  'text',
  'thought',
  'thoughtSignature',
  'inlineData',
  'fileData',
  'functionCall',
  'functionResponse',
]);

function parseModelPart(value: unknown, path: string, calls: Call[]): Part[] {
  const part = readMessage(value, path);
  const signature = proofOf(optional(part['thoughtSignature'], `${path}.thoughtSignature`, readString));
  const { functionCall } = part;
  if (functionCall !== undefined) {
    const fn = readMessage(functionCall, `${path}.functionCall`);
    const name = readString(fn['name'], `${path}.functionCall.name`);
    const id = optional(fn['id'], `${path}.functionCall.id`, readString) || `call_${calls.length}`;
    calls.push({ id, name, answered: false });
    const args = isObject(fn['args']) ? JSON.stringify(fn['args']) : '{}';
    return [
      ...(signature === null ? [] : [{ type: 'reasoning', text: '', signature, sealed: null } as const]),
      { type: 'tool-call', id, name, arguments: args, ...more(part) },
    ];
  }
  if (typeof part['text'] === 'string') {
    const text = part['text'];
    if (optional(part['thought'], `${path}.thought`, readBoolean) === true)
      return [{ type: 'reasoning', text, signature, sealed: null }];
    // The proof of what was thought may stand with the text that followed, or with none.
    return [
      ...(text === '' && signature ? [] : [{ type: 'text', text, ...more(part) } as const]),
      ...(signature ? [{ type: 'reasoning', text: '', signature, sealed: null } as const] : []),
    ];
  }
  return parsePart(part, path, calls);
}

const more = (part: JsonObject): { rest?: JsonObject } => {
  const rest = restOf(part, known);
  return rest ? { rest } : {};
};

/** https://ai.google.dev/api/caching#Part */
function parsePart(value: unknown, path: string, calls: Call[]): Part[] {
  const part = readMessage(value, path);
  if (typeof part['text'] === 'string') return [{ type: 'text', text: part['text'], ...more(part) }];
  if (part['inlineData'] !== undefined)
    return [parseInline(part['inlineData'], `${path}.inlineData`, more(part))];
  if (part['fileData'] !== undefined) return [parseFile(part['fileData'], `${path}.fileData`, more(part))];
  if (part['functionResponse'] !== undefined)
    return [parseResult(part['functionResponse'], `${path}.functionResponse`, calls)];
  const [type] = Object.keys(part);
  if (type === undefined) throw invalidField(path, 'a part with content, such as "text"', value);
  return [{ type: 'opaque', dialect: 'gemini-generate', raw: { type, ...part } }];
}

/** Without an id it answers the first call of its name that is still without an answer. */
function parseResult(value: unknown, path: string, calls: Call[]): Part {
  const result = readMessage(value, path);
  const name = readString(result['name'] ?? '', `${path}.name`);
  const given = optional(result['id'], `${path}.id`, readString);
  const open = calls.filter(({ answered }) => !answered);
  const call =
    (given === null ? undefined : open.find(({ id }) => id === given)) ?? open.find((of) => of.name === name);
  if (call) call.answered = true;
  const response = isObject(result['response']) ? result['response'] : {};
  const rest = restOf(result, new Set(['id', 'name', 'response', 'parts']));
  const media = readRepeated(result['parts']).flatMap((part, i) =>
    parsePart(part, `${path}.parts[${i}]`, []),
  );
  return {
    type: 'tool-result',
    callId: call?.id ?? given ?? `call_${name}`,
    parts: [{ type: 'text', text: textOf(response) }, ...media],
    isError: isOnly(response, 'error'),
    ...(rest ? { rest } : {}),
  };
}

const isOnly = (response: JsonObject, name: string): boolean =>
  name in response && Object.keys(response).length === 1;

/** What functions give is said under `output`, and their errors under `error`; other objects are given as they are. */
function textOf(response: JsonObject): string {
  for (const name of ['output', 'result', 'error'])
    if (isOnly(response, name) && typeof response[name] === 'string') return response[name];
  return JSON.stringify(response);
}
