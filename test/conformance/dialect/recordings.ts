/**
 * Recordings of answers, and a plain reading of them that shares nothing with src/: field by field from the documents of
 * the two dialects, with no thought of speed or of order.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { FinishReason } from '#core/answer.ts';
import { bedrockRecordings } from './bedrock-converse/plain-reading.ts';
import { cohereRecordings } from './cohere-chat/plain-reading.ts';
import { geminiRecordings } from './gemini-generate/plain-reading.ts';
import { ollamaRecordings } from './ollama-chat/plain-reading.ts';
import { completionsRecordings } from './openai-completions/plain-reading.ts';
import { responsesRecordings } from './openai-responses/plain-reading.ts';

export type Json = Record<string, unknown>;

/** How answers of a dialect are told from others', and plainly read. */
export interface PlainDialect {
  speaks(payload: Json): boolean;
  read(payloads: readonly Json[]): PlainReading;
}

const others: Readonly<Record<string, PlainDialect>> = {
  'bedrock-converse': bedrockRecordings,
  'cohere-chat': cohereRecordings,
  'gemini-generate': geminiRecordings,
  'ollama-chat': ollamaRecordings,
  'openai-completions': completionsRecordings,
  'openai-responses': responsesRecordings,
};

export interface Recording {
  readonly name: string;
  readonly dialect: string;
  readonly form: 'stream' | 'whole';
  /** SSE payloads without `[DONE]`; a whole answer is one. */
  readonly payloads: readonly Json[];
  /** The provider counts reasoning beside the completion. */
  readonly reasoningBeside: boolean;
}

/** Recordings below a folder, `*.chunks.txt` and `*.sse` (one payload a line) and `*.json`, that speak a dialect of ours. */
export function recordingsIn(folder: string): Recording[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .flatMap((name) => (/\.(json|chunks\.txt|sse)$/.test(name) ? readRecording(folder, name) : []));
}

function readRecording(folder: string, name: string): Recording[] {
  const text = readFileSync(join(folder, name), 'utf8');
  const form = name.endsWith('.json') ? 'whole' : 'stream';
  const lines = text.split('\n').map((line) => line.replace(/^data: /, ''));
  const wanted = lines.filter((line) => line.trim() !== '' && line !== '[DONE]');
  const payloads = (form === 'whole' ? [text] : wanted).flatMap(parse);
  const dialect = dialectOf(payloads);
  if (dialect === null) return [];
  const reasoningBeside = basename(name).startsWith('xai');
  return splitAtEnds(payloads).map((part, i) => {
    return { name: i === 0 ? name : `${name} (${i + 1})`, dialect, form, payloads: part, reasoningBeside };
  });
}

function parse(line: string): Json[] {
  try {
    return [JSON.parse(line) as Json];
  } catch {
    return [];
  }
}

function dialectOf(payloads: readonly Json[]): string | null {
  for (const [name, { speaks }] of Object.entries(others)) if (payloads.some(speaks)) return name;
  const isChat = (p: Json) => Array.isArray(p['choices']) && p['object'] !== 'text_completion';
  if (payloads.some(isChat)) return 'openai-chat';
  const isMessage = (p: Json) => p['type'] === 'message_start' || p['type'] === 'message';
  return payloads.some(isMessage) ? 'anthropic-messages' : null;
}

const ends = ['message_stop', 'response.completed', 'response.incomplete'];

/** Some recordings hold several answers, one after another. */
function splitAtEnds(payloads: readonly Json[]): Json[][] {
  const parts: Json[][] = [[]];
  for (const payload of payloads) {
    if (ends.includes(word(parts.at(-1)!.at(-1)?.['type']))) parts.push([]);
    parts.at(-1)!.push(payload);
  }
  return parts;
}

export interface PlainReading {
  readonly text: string;
  readonly toolNames: readonly string[];
  /** The dialect's own word. */
  readonly finish: string | null;
  /** What it means, where that does not follow from the word alone. */
  readonly reason?: FinishReason;
  readonly usage: { readonly input: number; readonly output: number; readonly cacheRead: number } | null;
}

export const list = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);
export const record = (value: unknown): Json =>
  typeof value === 'object' && value !== null ? (value as Json) : {};
export const word = (value: unknown): string => (typeof value === 'string' ? value : '');
export const count = (value: unknown): number => (typeof value === 'number' ? value : 0);

export function readPlainly(recording: Recording): PlainReading {
  const other = others[recording.dialect];
  if (other) return other.read(recording.payloads);
  return recording.dialect === 'openai-chat' ? readChat(recording) : readMessage(recording);
}

function readChat({ payloads, reasoningBeside }: Recording): PlainReading {
  const choices = payloads.flatMap((payload) => list(payload['choices']));
  const deltas = choices.map((choice) => record(choice['delta'] ?? choice['message']));
  const texts = deltas.flatMap(({ content }) =>
    Array.isArray(content) ? list(content).map((part) => word(part['text'])) : [word(content)],
  );
  const names = deltas
    .flatMap((delta) => list(delta['tool_calls']))
    .map((call) => word(record(call['function'])['name']));
  const raw = payloads
    .map((p) => p['usage'] ?? record(p['x_groq'])['usage'] ?? list(p['choices'])[0]?.['usage'])
    .findLast((usage) => typeof usage === 'object' && usage !== null);
  return {
    text: texts.join(''),
    toolNames: names.filter((name) => name !== ''),
    finish: choices.map((choice) => word(choice['finish_reason'])).find((reason) => reason !== '') ?? null,
    usage: raw === undefined ? null : chatUsage(record(raw), reasoningBeside),
  };
}

/** Cached is inside the prompt, unless there is more of it than prompt. */
function chatUsage(raw: Json, reasoningBeside: boolean): PlainReading['usage'] {
  const prompt = count(raw['prompt_tokens']);
  const cached = Math.max(
    count(record(raw['prompt_tokens_details'])['cached_tokens']),
    count(raw['prompt_cache_hit_tokens']),
    count(raw['num_cached_tokens']),
    count(raw['cached_tokens']),
  );
  const reasoning = count(record(raw['completion_tokens_details'])['reasoning_tokens']);
  return {
    input: cached > prompt ? prompt + cached : prompt,
    output: count(raw['completion_tokens']) + (reasoningBeside ? reasoning : 0),
    cacheRead: cached,
  };
}

function readMessage({ payloads }: Recording): PlainReading {
  const [first] = payloads;
  if (first?.['type'] === 'message') {
    const blocks = list(first['content']);
    return readingOf(blocks, blocks, word(first['stop_reason']), record(first['usage']));
  }
  const blocks = payloads.flatMap((payload) => [
    ...list(record(payload['message'])['content']),
    record(payload['content_block']),
  ]);
  const deltas = payloads.filter((p) => p['type'] === 'content_block_delta').map((p) => record(p['delta']));
  const usage: Json = {};
  for (const payload of payloads) {
    const said = record(payload['usage'] ?? record(payload['message'])['usage']);
    for (const [name, value] of Object.entries(said)) if (value !== null) usage[name] = value;
  }
  const finish = payloads
    .map((p) => word(record(p['delta'] ?? p['message'])['stop_reason']))
    .find((reason) => reason !== '');
  return readingOf(blocks, [...blocks, ...deltas], finish ?? '', usage);
}

function readingOf(blocks: Json[], spoken: Json[], finish: string, usage: Json): PlainReading {
  const isText = (part: Json) => part['type'] === 'text' || part['type'] === 'text_delta';
  const apart = list(usage['iterations']).filter(
    ({ type }) => type === 'compaction' || type === 'advisor_message',
  );
  const sum = (...names: string[]) =>
    [usage, ...apart].flatMap((of) => names.map((name) => count(of[name]))).reduce((a, b) => a + b, 0);
  return {
    text: spoken.map((part) => (isText(part) ? word(part['text']) : '')).join(''),
    toolNames: blocks.flatMap((block) => (block['type'] === 'tool_use' ? [word(block['name'])] : [])),
    finish: finish === '' ? null : finish,
    usage: {
      input: sum('input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'),
      output: sum('output_tokens'),
      cacheRead: sum('cache_read_input_tokens'),
    },
  };
}
