import { openCounterStore } from '#storage/embedded/counters/counter-store.ts';
import { createCounterMemory } from '#storage/embedded/counters/layout.ts';
import { testCounterStore } from './suite.ts';

testCounterStore(async () => {
  const memory = createCounterMemory({ rows: 2 ** 17, reservations: 2 ** 15 });
  let owner = 0;
  let nowMs = 0;
  return {
    open: async () => openCounterStore(memory, { owner: ++owner, nowMs: () => nowMs }),
    async setNow(ms) {
      nowMs = ms;
    },
    async close() {},
  };
});
