import { Fault } from '#core/fault.ts';
import { shardWords, type CounterLayout } from './layout.ts';

/**
 * One lock for each shard of rows. The word is 0 when free, else its owner's number, with `waited` set when somebody
 * sleeps on it (Drepper, "Futexes are tricky", mutex 2: who may have company sets the bit for the next).
 */
export interface ShardLocks {
  /**
   * Takes the locks of shards `shards[0 … count)`, which must ascend.
   * @throws Fault `limit/unavailable` when one cannot be had in time; none is held then.
   */
  take(shards: Int32Array, count: number): void;
  give(shards: Int32Array, count: number): void;
}

const waited = 0x4000_0000;
const spins = 200;
/** Bounds what a lost wake-up costs when a waker dies between freeing and waking. */
const napMs = 5;

export function openShardLocks(layout: CounterLayout, owner: number, timeoutMs: number): ShardLocks {
  const { ints } = layout;
  const wordOf = (shard: number): number => (layout.shardsAt + shard * shardWords) * 2;

  function giveOne(word: number): void {
    if ((Atomics.exchange(ints, word, 0) & waited) !== 0) Atomics.notify(ints, word, 1);
  }

  function takeContended(word: number): boolean {
    for (let i = 0; i < spins; i++) {
      if (Atomics.load(ints, word) === 0 && Atomics.compareExchange(ints, word, 0, owner) === 0) return true;
    }
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const seen = Atomics.load(ints, word);
      if (seen === 0) {
        if (Atomics.compareExchange(ints, word, 0, owner | waited) === 0) return true;
        continue;
      }
      if ((seen & waited) === 0 && Atomics.compareExchange(ints, word, seen, seen | waited) !== seen)
        continue;
      Atomics.wait(ints, word, seen | waited, napMs);
      if (performance.now() >= deadlineMs) return false;
    }
  }

  return {
    take(shards, count) {
      for (let i = 0; i < count; i++) {
        const word = wordOf(shards[i]!);
        if (Atomics.compareExchange(ints, word, 0, owner) === 0 || takeContended(word)) continue;
        while (--i >= 0) giveOne(wordOf(shards[i]!));
        throw new Fault('limit/unavailable', `The limits stayed locked for ${timeoutMs} ms; try again.`, {
          headers: ['retry-after', '1'],
        });
      }
    },
    give(shards, count) {
      for (let i = 0; i < count; i++) giveOne(wordOf(shards[i]!));
    },
  };
}

/** Frees every lock that a dead owner held, and wakes who waits for it. Roll its log back first. */
export function freeLocksOf(layout: CounterLayout, owner: number): number {
  let freed = 0;
  for (let shard = 0; shard < layout.shards; shard++) {
    const word = (layout.shardsAt + shard * shardWords) * 2;
    const seen = Atomics.load(layout.ints, word);
    if ((seen & ~waited) !== owner) continue;
    Atomics.store(layout.ints, word, 0);
    Atomics.notify(layout.ints, word);
    freed++;
  }
  return freed;
}
