import type { IncomingHttpHeaders } from 'node:http';
import { checkScript, ScriptError } from './script.ts';
import type { Script } from './script.ts';
import { isObject } from './shape.ts';

export interface ScriptSources {
  defaults: Script;
  queued: Script | undefined;
  headers: IncomingHttpHeaders;
  body: unknown;
}

/**
 * Lays the ways of scripting a call over one another; the most particular wins, option by option:
 * defaults < queue < model suffix < text of the last user message < `x-simulate` header.
 * @throws ScriptError when one of them is not a script.
 */
export function resolveScript(sources: ScriptSources): Script {
  const body = isObject(sources.body) ? sources.body : {};
  return {
    ...sources.defaults,
    ...sources.queued,
    ...(typeof body.model === 'string' ? parseModelSuffix(body.model) : undefined),
    ...parseTextScript(textOfBody(body)),
    ...parseHeaderScript(sources.headers['x-simulate']),
  };
}

function textOfBody({ prompt, messages, input, contents }: Record<string, unknown>): string {
  const text = [prompt, input].find((value) => typeof value === 'string');
  return typeof text === 'string' ? text : lastUserText(messages ?? input ?? messagesOf(contents));
}

/** Reads the script of an `x-simulate` header, `{}` without one. */
export function parseHeaderScript(header: string | string[] | undefined): Script {
  if (header === undefined) return {};
  return parseJsonScript(String(header), 'x-simulate header');
}

/** Reads `name?tokens=20&paceMs=5`; values are JSON where they parse as JSON, else strings; a bare name is true. */
export function parseModelSuffix(model: string): Script {
  const mark = model.indexOf('?');
  if (mark < 0) return {};
  const options: Record<string, unknown> = {};
  for (const [name, value] of new URLSearchParams(model.slice(mark + 1))) {
    options[name] = value === '' ? true : parseLoosely(value);
  }
  return checkScript(options, 'model suffix');
}

/** Reads the JSON object that follows `simulate:` anywhere in a text. */
export function parseTextScript(text: string): Script {
  const mark = text.lastIndexOf('simulate:{');
  if (mark < 0) return {};
  const start = mark + 'simulate:'.length;
  return parseJsonScript(text.slice(start, endOfObject(text, start)), 'simulate: in the last user message');
}

export function parseJsonScript(json: string, source: string): Script {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new ScriptError(`${source}: not JSON: ${json.slice(0, 200)}`);
  }
  return checkScript(value, source);
}

function parseLoosely(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function endOfObject(text: string, start: number): number {
  let depth = 0;
  let quoted = false;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (quoted) {
      if (character === '\\') at++;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === '{') depth++;
    else if (character === '}' && --depth === 0) return at + 1;
  }
  return text.length;
}

/**
 * The user's text since the last answer. Text before an earlier answer does not count, so that the script
 * which asked for a tool call does not ask for it again when the tool's result comes back.
 */
function lastUserText(messages: unknown): string {
  if (!Array.isArray(messages)) return '';
  // Where calls of tools are items of their own, they are answers, too.
  const turns = messages
    .filter(isObject)
    .map((turn) => (turn.type === 'function_call' ? { ...turn, role: 'assistant' } : turn));
  while (turns.at(-1)?.role === 'assistant') turns.pop();
  const since = turns.findLastIndex((turn) => turn.role === 'assistant') + 1;
  return turns
    .slice(since)
    .filter((turn) => turn.role === 'user')
    .map((turn) => textOf(turn.content))
    .join('\n');
}

/** Contents of parts are messages by another name. */
function messagesOf(contents: unknown): unknown {
  if (!Array.isArray(contents)) return contents;
  return contents
    .filter(isObject)
    .map(({ role, parts }) => ({ role: role === 'model' ? 'assistant' : (role ?? 'user'), content: parts }));
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .filter(isObject)
    .map((part) => (typeof part.text === 'string' ? part.text : ''))
    .join('\n');
}
