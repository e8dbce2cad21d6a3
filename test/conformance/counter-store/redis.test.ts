import { openTestCounters } from '../../harness/redis-counters.ts';
import { testCounterStore } from './suite.ts';

testCounterStore(async () => {
  const counters = await openTestCounters({ ownClock: true });
  return {
    open: async () => counters.open(),
    setNow: (ms) => counters.setNow(ms),
    close: () => counters.close(),
  };
});
