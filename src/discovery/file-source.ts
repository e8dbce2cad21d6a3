import { readFileSync, statSync } from 'node:fs';
import { parseMemberList } from '#config/member-list.ts';
import { watchConfig } from '#config/watch.ts';
import type { FileSource } from '#core/discovery.ts';
import type { Source } from './source.ts';

/** That a file has gone nobody tells. */
const lookEveryMs = 5000;
const maxBytes = 1 << 20;

/**
 * A list in a file. Its text is what the watch gives, who waits until whoever writes it has finished; `onChange` says that
 * there is something to ask for.
 */
export function openFileSource({ path }: FileSource, onChange: () => void): Source {
  let text = read(path);
  let given: string | null = null;
  const changed = (now: string) => {
    text = now;
    onChange();
  };
  const watch = watchConfig(path, changed, text ?? undefined);
  return {
    async ask() {
      statSync(path);
      text ??= readFileSync(path, 'utf8');
      if (text.length > maxBytes) throw new Error(`${path}: expected at most 1 MiB`);
      if (text === given) return { members: null, againInMs: lookEveryMs };
      const members = parseMemberList(text);
      given = text;
      return { members, againInMs: lookEveryMs };
    },
    close: () => watch.close(),
  };
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
