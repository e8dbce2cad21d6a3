import { hash } from 'node:crypto';
import { readFileSync, watch, type FSWatcher } from 'node:fs';
import { basename, dirname } from 'node:path';

/** Long enough for an editor to have written all it wants to. */
const settleMs = 100;
/** Some file systems tell nobody, and some folders are links that change: look by ourselves now and then. */
const lookEveryMs = 2000;

export interface FileWatch {
  /** Watch these files, too, from now on (and no others than these and the first). */
  follow(paths: readonly string[]): void;
  close(): void;
}

/**
 * Calls back with the file's text whenever it, or a file it refers to, has changed; without a file, with null whenever
 * one of those it is told to follow has. Watches folders, as editors replace files; a file that is missing for a moment is
 * not a change. `text` is what the caller has read already: with it, a change since then is not missed.
 */
export function watchConfig(path: string, onChange: (text: string) => void, text?: string): FileWatch;
export function watchConfig(
  path: string | null,
  onChange: (text: string | null) => void,
  text?: string,
): FileWatch;
export function watchConfig(path: string | null, onChange: (text: never) => void, text?: string): FileWatch {
  const tell = onChange as (text: string | null) => void;
  const known = new Map<string, string | null>();
  let watchers: FSWatcher[] = [];
  let timer: NodeJS.Timeout | null = null;
  let isClosed = false;
  if (path !== null) known.set(path, digestOf(text ?? read(path)));

  function look(): void {
    const now = path === null ? null : read(path);
    if (now === null && path !== null) return;
    let changed = false;
    for (const [file, before] of known) {
      const digest = digestOf(file === path ? now : read(file));
      if (digest === null || digest === before) continue;
      known.set(file, digest);
      changed = true;
    }
    if (changed) tell(now?.toString() ?? null);
  }

  function soon(): void {
    if (timer) clearTimeout(timer);
    timer = setTimeout(look, settleMs);
  }

  function watchFolders(): void {
    for (const watcher of watchers) watcher.close();
    const files = [...known.keys()];
    watchers = [...new Set(files.map((file) => dirname(file)))].flatMap((folder) => {
      try {
        const names = new Set(files.filter((file) => dirname(file) === folder).map((file) => basename(file)));
        const watcher = watch(folder, (_event, name) => {
          if (name === null || names.has(name)) soon();
        });
        // A folder that is gone is looked for by the timer.
        watcher.on('error', () => watcher.close());
        return [watcher];
      } catch {
        return [];
      }
    });
  }

  watchFolders();
  // A change from before nobody tells of.
  if (text !== undefined) soon();
  const poll = setInterval(look, lookEveryMs);
  poll.unref();
  return {
    follow(paths) {
      // A change that is under way ends after whoever watches has had enough.
      if (isClosed) return;
      const wanted = new Set(path === null ? paths : [path, ...paths]);
      for (const file of known.keys()) if (!wanted.has(file)) known.delete(file);
      // What was known keeps its digest: it may have changed since it was read.
      for (const file of wanted) if (!known.has(file)) known.set(file, digestOf(read(file)));
      watchFolders();
    },
    close() {
      isClosed = true;
      if (timer) clearTimeout(timer);
      clearInterval(poll);
      for (const watcher of watchers) watcher.close();
    },
  };
}

function read(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch {
    return null;
  }
}

const digestOf = (content: Buffer | string | null): string | null =>
  content === null ? null : hash('sha256', content, 'hex');
