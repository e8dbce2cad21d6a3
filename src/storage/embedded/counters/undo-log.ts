import { ownerAt, ownerHeaderWords, undoEntries, type CounterLayout } from './layout.ts';

/**
 * Makes several writes one step. Before a word is changed, its old value goes on the owner's log; the count of entries
 * is stored atomically in between, so an entry that counts is whole and a change that happened is on it. A step ends
 * with the count back at zero. Whoever dies in between leaves a log that `rollBack` undoes, from any thread, before
 * the locks are freed. (A thread is terminated between instructions, never within an eight-byte store.)
 */
export interface UndoLog {
  /** Changes one word. */
  put(word: number, value: number): void;
  commit(): void;
  rollBack(): void;
}

/** `afterWrite` is for tests that stop a thread at a chosen write. */
export function openUndoLog(layout: CounterLayout, owner: number, afterWrite?: () => void): UndoLog {
  const { words, ints } = layout;
  const at = ownerAt(layout, owner);
  const countAt = at * 2 + 1;
  const entriesAt = at + ownerHeaderWords;
  let count = 0;
  return {
    put(word, value) {
      if (count === undoEntries) throw new RangeError('One step writes more than the undo log holds.');
      const entry = entriesAt + 2 * count;
      words[entry] = word;
      words[entry + 1] = words[word]!;
      Atomics.store(ints, countAt, ++count);
      words[word] = value;
      if (afterWrite !== undefined) afterWrite();
    },
    commit() {
      count = 0;
      Atomics.store(ints, countAt, 0);
    },
    rollBack() {
      for (count = Atomics.load(ints, countAt); count > 0;) {
        const entry = entriesAt + 2 * (count - 1);
        words[words[entry]!] = words[entry + 1]!;
        Atomics.store(ints, countAt, --count);
      }
    },
  };
}
