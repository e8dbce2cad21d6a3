import { createHash } from 'node:crypto';
import { readFileSync, watch, type FSWatcher } from 'node:fs';
import { basename, dirname } from 'node:path';

/** Long enough for an editor to have written all it wants to. */
const settleMs = 100;
/** Some file systems tell nobody: look by ourselves now and then. */
const lookEveryMs = 2000;

export interface FileWatch {
  /** Watch these files, too, from now on (and no others than these and the first). */
  follow(paths: readonly string[]): void;
  close(): void;
}

/**
 * Calls back with the file's text whenever it, or a file it refers to, has changed. Watches folders, as editors replace
 * files; a file that is missing for a moment is not a change.
 */
export function watchConfig(path: string, onChange: (text: string) => void): FileWatch {
  let followed: readonly string[] = [];
  let watchers: FSWatcher[] = [];
  let timer: NodeJS.Timeout | null = null;
  let last = digest();

  function digest(): string | null {
    const hash = createHash('sha256');
    for (const file of [path, ...followed]) {
      try {
        hash.update(readFileSync(file)).update('\0');
      } catch {
        if (file === path) return null;
      }
    }
    return hash.digest('hex');
  }

  function look(): void {
    const now = digest();
    if (now === null || now === last) return;
    last = now;
    onChange(readFileSync(path, 'utf8'));
  }

  function soon(): void {
    if (timer) clearTimeout(timer);
    timer = setTimeout(look, settleMs);
  }

  function rewatch(): void {
    for (const watcher of watchers) watcher.close();
    const files = [path, ...followed];
    watchers = [...new Set(files.map((file) => dirname(file)))].flatMap((folder) => {
      try {
        const names = new Set(files.filter((file) => dirname(file) === folder).map((file) => basename(file)));
        const watcher = watch(folder, (_event, name) => {
          if (name === null || names.has(name)) soon();
        });
        watcher.on('error', () => {});
        return [watcher];
      } catch {
        return [];
      }
    });
  }

  rewatch();
  const poll = setInterval(look, lookEveryMs);
  poll.unref();
  return {
    follow(paths) {
      followed = [...paths];
      last = digest();
      rewatch();
    },
    close() {
      if (timer) clearTimeout(timer);
      clearInterval(poll);
      for (const watcher of watchers) watcher.close();
    },
  };
}
