import type { HeaderList } from './head.ts';

/** One change of a header, whose name is in lower case; a null value takes it away. */
export interface HeaderEdit {
  readonly name: string;
  readonly value: string | null;
  readonly add: boolean;
}

/** Framing, and what belongs to one connection: to change it would change what the request or answer is. */
export const untouchableHeaders: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'transfer-encoding',
  'keep-alive',
  'te',
  'trailer',
  'upgrade',
  'host',
  'proxy-connection',
]);

export function applyHeaderEdits(headers: HeaderList, edits: readonly HeaderEdit[]): string[] {
  let edited = [...headers];
  for (const { name, value, add } of edits) {
    if (!add) edited = edited.filter((_, i) => edited[i - (i % 2)] !== name);
    if (value !== null) edited.push(name, value);
  }
  return edited;
}
