import type { Request } from '../stand.ts';
import { milliseconds, sampleUse, usedMetrics, type Figure } from './figure.ts';

/** Events of either stream, as the client gets it. */
const events = 201;

/** What it costs that the provider speaks another dialect than the client: streams at full speed, and long prompts. */
export const translate: Figure = {
  name: 'translate',
  title: 'streams of 200 events at full speed and prompts of 100 KB, within a dialect and from another',
  metrics: [
    { key: 'sameStreamsPerSecond', title: 'same streams/s', digits: 0 },
    { key: 'otherStreamsPerSecond', title: 'other streams/s', digits: 0 },
    { key: 'otherToSame', title: 'other ÷ same', digits: 2 },
    { key: 'shortP50Ms', title: 'other, 1 KB p50 ms', digits: 3 },
    { key: 'longP50Ms', title: 'other, 100 KB p50 ms', digits: 3 },
    { key: 'overP50Ms', title: 'other, p50 over 1 KB ms', digits: 3 },
    ...usedMetrics,
  ],
  fresh: false,
  // Whoever only relays translates nothing.
  applies: ({ scales }) => scales,
  async measure(stand, subject, warmup) {
    const { seconds } = stand.options;
    const stream: Request = { mode: 'closed', connections: 64, stream: true, events, seconds, warmup };
    const same = await stand.measure(subject, { ...stream, model: 'bench-burst' });
    const other = await stand.measure(subject, { ...stream, model: 'bench-words' });
    const call: Request = { mode: 'open', model: 'bench-told', rate: 100, seconds, warmup };
    const short = (await stand.measure(subject, { ...call, promptBytes: 1000 })).load.whole;
    const long = (await stand.measure(subject, { ...call, promptBytes: 100_000 })).load.whole;
    return {
      sameStreamsPerSecond: same.load.answersPerSecond,
      otherStreamsPerSecond: other.load.answersPerSecond,
      otherToSame: other.load.answersPerSecond / same.load.answersPerSecond,
      shortP50Ms: milliseconds(short.p50Us),
      longP50Ms: milliseconds(long.p50Us),
      overP50Ms: milliseconds(long.p50Us - short.p50Us),
      ...sampleUse(other),
    };
  },
};
