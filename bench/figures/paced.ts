import type { Request } from '../stand.ts';
import { everywhere, milliseconds, sampleUse, usedMetrics, type Figure } from './figure.ts';

export const rampMs = 1000;
const chunksPerSecond = 20;
/** Beside the chunks: role, finish, usage and the terminal event. */
const otherEvents = 4;

/** Streams of an event each 50 ms that stay open for some seconds after the last of them was opened. */
export function pacedStreams(streams: number, openSeconds: number): Request {
  const chunks = Math.ceil((rampMs / 1000 + openSeconds) * chunksPerSecond);
  return {
    mode: 'paced',
    model: 'bench-paced',
    stream: true,
    streams,
    chunks,
    events: chunks + otherEvents,
    rampMs,
  };
}

/** Delay that a gateway adds to each chunk of many slow streams. */
export const paced: Figure = {
  name: 'paced',
  title: 'many open streams of 20 chunks/s: delay of a chunk from upstream to client',
  metrics: [
    { key: 'p50Ms', title: 'p50 ms', digits: 3, against: 'ratio' },
    { key: 'p99Ms', title: 'p99 ms', digits: 3, against: 'ratio' },
    { key: 'p999Ms', title: 'p99.9 ms', digits: 3 },
    { key: 'eventsPerSecond', title: 'events/s', digits: 0 },
    ...usedMetrics,
  ],
  fresh: false,
  applies: everywhere,
  async measure(stand, subject, warmup) {
    const measured = await stand.measure(subject, {
      ...pacedStreams(stand.options.streams, warmup + stand.options.seconds),
      warmup,
    });
    const { load } = measured;
    return {
      p50Ms: milliseconds(load.delay.p50Us),
      p99Ms: milliseconds(load.delay.p99Us),
      p999Ms: milliseconds(load.delay.p999Us),
      eventsPerSecond: load.eventsPerSecond,
      ...sampleUse(measured),
    };
  },
};
