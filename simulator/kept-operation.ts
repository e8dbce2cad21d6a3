import type { Account } from './accounts.ts';
import type { ModelCall, ScriptStore } from './model-call.ts';
import type { Json } from './shape.ts';
import { renderJson } from './sse.ts';

export interface KeptReply {
  status: number;
  json: string | Buffer;
  type?: string;
  headers?: Record<string, string>;
}

/** What may be done with what an account keeps: method and path, with the id in parentheses. */
export type KeptOperation = readonly [
  method: string,
  path: RegExp,
  handler: (account: Account, id: string, incoming: ModelCall, store: ScriptStore) => KeptReply | null,
];

export const found = (body: Json): KeptReply => ({ status: 200, json: renderJson(body) });

/** What may be done with a file that is there, where one vendor differs from the other in words alone. */
export const keptFiles = (words: {
  typeOf(file: Json): string;
  deleted(id: string): Json;
}): readonly KeptOperation[] => [
  [
    'GET',
    /^\/v1\/files\/([^/]+)$/,
    (account, id) => {
      const kept = account.files.get(id);
      return kept ? found(kept.file) : null;
    },
  ],
  [
    'GET',
    /^\/v1\/files\/([^/]+)\/content$/,
    (account, id) => {
      const kept = account.files.get(id);
      return kept ? { status: 200, json: kept.content, type: words.typeOf(kept.file) } : null;
    },
  ],
  [
    'DELETE',
    /^\/v1\/files\/([^/]+)$/,
    (account, id) => (account.files.delete(id) ? found(words.deleted(id)) : null),
  ],
];

/** The lines of a kept file, as JSON objects; null when there is no such file, or a line is none. */
export function linesIn(account: Account, id: unknown): Json[] | null {
  const kept = typeof id === 'string' ? account.files.get(id) : undefined;
  if (!kept) return null;
  try {
    return kept.content
      .toString('utf8')
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line) as Json);
  } catch {
    return null;
  }
}
