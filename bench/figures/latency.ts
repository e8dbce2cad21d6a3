import type { Request } from '../stand.ts';
import { everywhere, milliseconds, sampleUse, usedMetrics, type Figure } from './figure.ts';
import { pacedStreams } from './paced.ts';

const rate = 500;

/** Opens a stream every 2 ms and waits for the first byte of each: a gateway that holds chunks back shows here. */
export const ttfc: Figure = {
  name: 'ttfc',
  title: `time to first chunk, ${rate} streams opened a second (open loop)`,
  metrics: [
    { key: 'p50Ms', title: 'p50 ms', digits: 3, against: 'difference' },
    { key: 'p99Ms', title: 'p99 ms', digits: 3, against: 'difference' },
    { key: 'p999Ms', title: 'p99.9 ms', digits: 3 },
    ...usedMetrics,
  ],
  fresh: false,
  applies: everywhere,
  async measure(stand, subject, warmup) {
    const stream = { model: 'bench-paced', stream: true, chunks: 4, events: 8 };
    const measured = await stand.measure(subject, {
      mode: 'open',
      ...stream,
      rate,
      seconds: stand.options.seconds,
      warmup,
    });
    const { p50Us, p99Us, p999Us } = measured.load.first;
    return {
      p50Ms: milliseconds(p50Us),
      p99Ms: milliseconds(p99Us),
      p999Ms: milliseconds(p999Us),
      ...sampleUse(measured),
    };
  },
};

/** Plain REST traffic, alone and beside open streams: does one kind of traffic make the other wait? */
export const rest: Figure = {
  name: 'rest',
  title: `plain REST at ${rate} requests/s (open loop), alone and beside many open streams`,
  metrics: [
    { key: 'aloneP50Ms', title: 'alone p50 ms', digits: 3 },
    { key: 'aloneP99Ms', title: 'alone p99 ms', digits: 3, against: 'difference' },
    { key: 'besideP50Ms', title: 'beside p50 ms', digits: 3 },
    { key: 'besideP99Ms', title: 'beside p99 ms', digits: 3, against: 'difference' },
    { key: 'besideToAlone', title: 'p99 beside ÷ alone', digits: 2 },
  ],
  fresh: false,
  applies: everywhere,
  async measure(stand, subject, warmup) {
    const { seconds, streams } = stand.options;
    const plain: Request = { mode: 'open', path: '/plain/items', rate, seconds, warmup };
    const alone = (await stand.measure(subject, plain)).load.whole;
    const settleSeconds = 1;
    const held = stand.hold(subject, {
      ...pacedStreams(streams, settleSeconds + warmup + seconds + 2),
      warmup: settleSeconds,
    });
    await held.begun;
    const beside = (await stand.measure(subject, plain)).load.whole;
    await held.report;
    return {
      aloneP50Ms: milliseconds(alone.p50Us),
      aloneP99Ms: milliseconds(alone.p99Us),
      besideP50Ms: milliseconds(beside.p50Us),
      besideP99Ms: milliseconds(beside.p99Us),
      besideToAlone: beside.p99Us / alone.p99Us,
    };
  },
};

/** The reverse: time to the first chunk of streams, alone and beside plain REST traffic. */
export const mixed: Figure = {
  name: 'mixed',
  title: `time to first chunk of 100 streams a second (open loop), alone and beside REST at ${rate} requests/s`,
  metrics: [
    { key: 'aloneP50Ms', title: 'alone p50 ms', digits: 3 },
    { key: 'aloneP99Ms', title: 'alone p99 ms', digits: 3 },
    { key: 'besideP50Ms', title: 'beside p50 ms', digits: 3 },
    { key: 'besideP99Ms', title: 'beside p99 ms', digits: 3 },
    { key: 'besideToAlone', title: 'p99 beside ÷ alone', digits: 2 },
  ],
  fresh: false,
  applies: everywhere,
  async measure(stand, subject, warmup) {
    const { seconds } = stand.options;
    const paced = { model: 'bench-paced', stream: true, chunks: 4, events: 8 };
    const streams: Request = { mode: 'open', ...paced, rate: 100, seconds, warmup };
    const alone = (await stand.measure(subject, streams)).load.first;
    const held = stand.hold(subject, {
      mode: 'open',
      path: '/plain/items',
      rate,
      seconds: warmup + seconds + 2,
      warmup: 1,
    });
    await held.begun;
    const beside = (await stand.measure(subject, streams)).load.first;
    await held.report;
    return {
      aloneP50Ms: milliseconds(alone.p50Us),
      aloneP99Ms: milliseconds(alone.p99Us),
      besideP50Ms: milliseconds(beside.p50Us),
      besideP99Ms: milliseconds(beside.p99Us),
      besideToAlone: beside.p99Us / alone.p99Us,
    };
  },
};

const toolCount = 1000;

/** What many tools cost, which are read, found out about and, for a provider of another dialect, written anew one by one. */
export const tools: Figure = {
  name: 'tools',
  title: `calls with ${toolCount} tools and with none, 50 requests/s (open loop), within a dialect and from another`,
  metrics: [
    { key: 'kilobytes', title: 'KB', digits: 0 },
    { key: 'noneP50Ms', title: 'none p50 ms', digits: 3 },
    { key: 'manyP50Ms', title: 'many p50 ms', digits: 3 },
    { key: 'manyP99Ms', title: 'many p99 ms', digits: 3 },
    { key: 'per100KbMs', title: 'p50 per 100 KB ms', digits: 3, against: 'difference' },
    { key: 'otherManyP50Ms', title: 'other, many p50 ms', digits: 3 },
    { key: 'otherPer100KbMs', title: 'other, p50 per 100 KB ms', digits: 3 },
  ],
  fresh: false,
  applies: everywhere,
  async measure(stand, subject, warmup) {
    const { seconds } = stand.options;
    const both = async (model: string) => {
      const call: Request = { mode: 'open', model, rate: 50, promptBytes: 1000, seconds, warmup };
      const none = (await stand.measure(subject, call)).load;
      const many = (await stand.measure(subject, { ...call, tools: toolCount })).load;
      const bytes = many.requestBytes - none.requestBytes;
      const perByteUs = (many.whole.p50Us - none.whole.p50Us) / bytes;
      return { none, many, per100KbMs: milliseconds(perByteUs * 100_000) };
    };
    const { none, many, per100KbMs } = await both('bench-json');
    // Whoever only relays translates nothing.
    const other = subject.variant.scales ? await both('bench-told') : null;
    return {
      kilobytes: many.requestBytes / 1000,
      noneP50Ms: milliseconds(none.whole.p50Us),
      manyP50Ms: milliseconds(many.whole.p50Us),
      manyP99Ms: milliseconds(many.whole.p99Us),
      per100KbMs,
      otherManyP50Ms: other ? milliseconds(other.many.whole.p50Us) : undefined,
      otherPer100KbMs: other?.per100KbMs,
    };
  },
};

/** What a long prompt costs beyond a short one, where it must be read whole, understood and sent on. */
export const prompt: Figure = {
  name: 'prompt',
  title: 'prompt of 100 KB and of 1 KB, 100 requests/s (open loop)',
  metrics: [
    { key: 'shortP50Ms', title: '1 KB p50 ms', digits: 3 },
    { key: 'longP50Ms', title: '100 KB p50 ms', digits: 3 },
    { key: 'longP99Ms', title: '100 KB p99 ms', digits: 3 },
    { key: 'overP50Ms', title: 'p50 over 1 KB ms', digits: 3, against: 'difference' },
  ],
  fresh: false,
  applies: everywhere,
  async measure(stand, subject, warmup) {
    const request: Request = {
      mode: 'open',
      model: 'bench-json',
      rate: 100,
      seconds: stand.options.seconds,
      warmup,
    };
    const short = (await stand.measure(subject, { ...request, promptBytes: 1000 })).load.whole;
    const long = (await stand.measure(subject, { ...request, promptBytes: 100_000 })).load.whole;
    return {
      shortP50Ms: milliseconds(short.p50Us),
      longP50Ms: milliseconds(long.p50Us),
      longP99Ms: milliseconds(long.p99Us),
      overP50Ms: milliseconds(long.p50Us - short.p50Us),
    };
  },
};
