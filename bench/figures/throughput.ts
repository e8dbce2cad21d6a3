import {
  everywhere,
  milliseconds,
  sampleUse,
  usedMetrics,
  type Figure,
  type Metric,
  type Sample,
} from './figure.ts';
import type { Measured, Request, Subject } from '../stand.ts';
import { bearerPrefix } from '../variants/variant.ts';

const connections = 64;

/** Events of the burst answer: 200 and the terminal one. */
const burstEvents = 201;

const rateMetrics = (what: string): Metric[] => [
  { key: 'answersPerSecond', title: `${what}/s`, digits: 0, against: 'ratio' },
  { key: 'answersPerCpuSecond', title: `${what}/CPU s`, digits: 0, against: 'ratio' },
  { key: 'p50Ms', title: 'p50 ms', digits: 2 },
  { key: 'p99Ms', title: 'p99 ms', digits: 2, against: 'ratio' },
];

function toSample(measured: Measured): Sample {
  const { load, cpuSeconds } = measured;
  return {
    answersPerSecond: load.answersPerSecond,
    answersPerCpuSecond: cpuSeconds ? load.answered / cpuSeconds : undefined,
    eventsPerSecond: load.eventsPerSecond,
    p50Ms: milliseconds(load.whole.p50Us),
    p99Ms: milliseconds(load.whole.p99Us),
    ...sampleUse(measured),
  };
}

function throughput(
  name: string,
  about: { title: string; what: string },
  request: Omit<Request, 'mode'>,
): Figure {
  return {
    name,
    title: about.title,
    metrics: [
      ...rateMetrics(about.what),
      ...(request.stream ? [{ key: 'eventsPerSecond', title: 'events/s', digits: 0 }] : []),
      ...usedMetrics,
    ],
    fresh: false,
    applies: everywhere,
    measure: async (stand, subject, warmup) =>
      toSample(
        await stand.measure(subject, {
          mode: 'closed',
          connections,
          ...request,
          seconds: stand.options.seconds,
          warmup,
        }),
      ),
  };
}

export const json = throughput(
  'json',
  { title: `1 KB chat, not streamed, ${connections} connections`, what: 'requests' },
  { model: 'bench-json' },
);

export const burst = throughput(
  'burst',
  { title: `streams of 200 events at full speed, ${connections} connections`, what: 'streams' },
  { model: 'bench-burst', stream: true, events: burstEvents },
);

const cachedPath = '/plain/items';

const plain = throughput(
  'cached',
  { title: `GET of 1 KB that is kept, ${connections} connections`, what: 'hits' },
  { path: cachedPath },
);

export const cached: Figure = {
  ...plain,
  applies: ({ caches }) => caches === true,
  async measure(stand, subject, warmup) {
    // Kept since the answers were compared: what is not a hit would measure the upstream.
    await requireHit(subject);
    const sample = await plain.measure(stand, subject, warmup);
    await requireHit(subject);
    return sample;
  },
};

/** @throws Error when what is measured is not given out of what is kept. */
async function requireHit({ running: { port } }: Subject): Promise<void> {
  const headers = { authorization: `Bearer ${bearerPrefix}000000` };
  const answer = await fetch(`http://127.0.0.1:${port}${cachedPath}`, { headers });
  await answer.arrayBuffer();
  const said = answer.headers.get('cache-status') ?? 'nothing';
  if (!/; hit/i.test(said)) throw new Error(`${cachedPath} is no hit: ${said}`);
}
