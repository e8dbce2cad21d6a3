/** What the simulator understood of a request, in words that are the same for every vendor. */
export interface Understood {
  vendor: string;
  model: string;
  stream: boolean;
  system: string[];
  turns: Turn[];
  images: number;
  tools: UnderstoodTool[];
  toolChoice: { mode: string; name?: string } | null;
  parallelTools: boolean | null;
  responseFormat: { type: string; name?: string; schema?: unknown; strict?: unknown } | null;
  stop: string[];
  maxTokens: number | null;
  choices: number;
  sampling: Record<string, unknown>;
  reasoning: Record<string, unknown> | null;
  user: unknown;
  cacheBreakpoints: number;
  includeUsage: boolean;
  /** Body keys that no field above speaks for. */
  otherKeys: string[];
}

export interface Turn {
  role: 'system' | 'user' | 'assistant';
  parts: Part[];
}

export type Part =
  | { type: 'text'; text: string }
  | { type: 'refusal'; text: string }
  | { type: 'image'; source: string; mediaType?: string; url?: string; bytes?: number }
  | { type: 'file' | 'audio'; source: string; mediaType?: string; name?: string }
  | { type: 'thinking'; text: string; signed: boolean }
  | { type: 'redacted-thinking' }
  | { type: 'tool-call'; id: string; name: string; arguments: unknown }
  | { type: 'tool-result'; id: string; text: string; isError: boolean; images: number }
  | { type: 'other'; kind: string };

export interface UnderstoodTool {
  kind: string;
  name: string;
  description?: unknown;
  schema?: unknown;
  strict?: unknown;
}

/** Joins neighbouring turns of one role, as vendors do, so that both vendors' histories compare equal. */
export function mergeTurns(turns: readonly Turn[]): Turn[] {
  const merged: Turn[] = [];
  for (const turn of turns) {
    const last = merged.at(-1);
    if (last && last.role === turn.role) last.parts.push(...turn.parts);
    else merged.push({ role: turn.role, parts: [...turn.parts] });
  }
  return merged;
}

/** Counts images, those inside tool results included. */
export function countImages(turns: readonly Turn[]): number {
  let images = 0;
  for (const turn of turns) {
    for (const part of turn.parts) {
      if (part.type === 'image') images++;
      else if (part.type === 'tool-result') images += part.images;
    }
  }
  return images;
}

/**
 * The prompt's tokens by the simulator's rule: a quarter of its characters, rounded up, at least one.
 * Characters are UTF-16 units of system, texts, thinking, tool names, arguments, results and tool definitions.
 */
export function countPromptTokens(understood: Understood): number {
  let characters = 0;
  for (const text of understood.system) characters += text.length;
  for (const turn of understood.turns) for (const part of turn.parts) characters += charactersOf(part);
  for (const tool of understood.tools) characters += JSON.stringify(tool).length;
  return Math.max(1, Math.ceil(characters / 4));
}

function charactersOf(part: Part): number {
  switch (part.type) {
    case 'text':
    case 'refusal':
    case 'thinking':
    case 'tool-result':
      return part.text.length;
    case 'tool-call':
      return part.name.length + JSON.stringify(part.arguments).length;
    default:
      return 0;
  }
}
