import { pinBusiestThreads, readMemory } from '../process-figures.ts';
import type { Request, Stand } from '../stand.ts';
import type { Variant } from '../variants/variant.ts';
import { bearerPrefix } from '../variants/variant.ts';
import type { Figure } from './figure.ts';

/** Well below what one thread can carry: above it the loads would no longer be equal. */
const threadsRate = 5000;
const fewKeys = 10;
const manyKeys = 100_000;

/** Requests per CPU-second with two threads and with one: what threads cost each other. Two cores cannot hold two
 * threads and their load, so requests per second would say nothing. */
export const threads: Figure = {
  name: 'threads',
  title: `two threads and one, ${threadsRate} requests/s (open loop), fresh processes`,
  metrics: [
    { key: 'onePerCpuSecond', title: 'requests/CPU s, one', digits: 0 },
    { key: 'twoPerCpuSecond', title: 'requests/CPU s, two', digits: 0 },
    { key: 'twoToOne', title: 'two ÷ one', digits: 3 },
  ],
  fresh: true,
  applies: (variant) => variant.scales,
  async measure(stand, { variant }, warmup) {
    const request: Request = {
      mode: 'open',
      model: 'bench-json',
      rate: threadsRate,
      seconds: stand.options.seconds,
      warmup,
    };
    const one = await measurePerCpuSecond(stand, variant, { threads: 1, request });
    const two = await measurePerCpuSecond(stand, variant, { threads: 2, request });
    return { onePerCpuSecond: one, twoPerCpuSecond: two, twoToOne: two / one };
  },
};

/** Time per request with many keys and with few, the keys presented drawn evenly from all. */
export const keys: Figure = {
  name: 'keys',
  title: '100,000 keys and 10, 1 KB chat, 64 connections, fresh processes',
  metrics: [
    { key: 'fewPerSecond', title: 'requests/s, 10', digits: 0 },
    { key: 'manyPerSecond', title: 'requests/s, 100,000', digits: 0 },
    { key: 'manyToFew', title: 'time per request, 100,000 ÷ 10', digits: 3 },
  ],
  fresh: true,
  applies: (variant) => variant.scales,
  async measure(stand, { variant }, warmup) {
    const few = await measureWithKeys(stand, variant, { keys: fewKeys, warmup });
    const many = await measureWithKeys(stand, variant, { keys: manyKeys, warmup });
    return { fewPerSecond: few, manyPerSecond: many, manyToFew: few / many };
  },
};

const fewRoutes = 10;
const moreRoutes = 10_000;
const manyRoutes = 100_000;

/** Time per request, and memory, with many routes and with few. */
export const routes: Figure = {
  name: 'routes',
  title: '100,000, 10,000 and 10 routes, 1 KB chat, 64 connections, fresh processes',
  metrics: [
    { key: 'fewPerSecond', title: 'requests/s, 10', digits: 0 },
    { key: 'morePerSecond', title: 'requests/s, 10,000', digits: 0 },
    { key: 'manyPerSecond', title: 'requests/s, 100,000', digits: 0 },
    { key: 'manyToFew', title: 'time per request, 100,000 ÷ 10', digits: 3 },
    { key: 'fewMb', title: 'idle RSS MB, 10', digits: 0 },
    { key: 'moreMb', title: 'idle RSS MB, 10,000', digits: 0 },
    { key: 'manyMb', title: 'idle RSS MB, 100,000', digits: 0 },
  ],
  fresh: true,
  applies: (variant) => variant.scales,
  async measure(stand, { variant }, warmup) {
    const few = await measureWithRoutes(stand, variant, { otherRoutes: fewRoutes, warmup });
    const more = await measureWithRoutes(stand, variant, { otherRoutes: moreRoutes, warmup });
    const many = await measureWithRoutes(stand, variant, { otherRoutes: manyRoutes, warmup });
    return {
      fewPerSecond: few.perSecond,
      morePerSecond: more.perSecond,
      manyPerSecond: many.perSecond,
      manyToFew: few.perSecond / many.perSecond,
      fewMb: few.idleMb,
      moreMb: more.idleMb,
      manyMb: many.idleMb,
    };
  },
};

async function measureWithRoutes(
  stand: Stand,
  variant: Variant,
  { otherRoutes, warmup }: { otherRoutes: number; warmup: number },
): Promise<{ perSecond: number; idleMb: number }> {
  const subject = await stand.startVariant(variant, { otherRoutes });
  const pid = subject.running.child?.pid;
  if (pid === undefined) throw new Error(`${variant.name} has no process`);
  const { rssBytes } = readMemory(pid);
  const { load } = await stand.measure(subject, {
    mode: 'closed',
    model: 'bench-json',
    seconds: stand.options.seconds,
    warmup,
  });
  await stand.endVariant(subject);
  return { perSecond: load.answersPerSecond, idleMb: rssBytes / 1e6 };
}

async function measurePerCpuSecond(
  stand: Stand,
  variant: Variant,
  { threads, request }: { threads: number; request: Request },
): Promise<number> {
  const subject = await stand.startVariant(variant, { threads });
  const pid = subject.running.child?.pid;
  if (stand.options.pinThreads && threads > 1 && pid !== undefined) {
    await stand.measure(subject, { ...request, seconds: 1, warmup: 1 });
    pinBusiestThreads(pid, [stand.options.gatewayCore, stand.options.loadCore]);
  }
  const { load, cpuSeconds } = await stand.measure(subject, request);
  await stand.endVariant(subject);
  if (!cpuSeconds) throw new Error(`${variant.name} has no CPU time`);
  return load.answered / cpuSeconds;
}

async function measureWithKeys(
  stand: Stand,
  variant: Variant,
  { keys, warmup }: { keys: number; warmup: number },
): Promise<number> {
  const subject = await stand.startVariant(variant, { keys });
  const { load } = await stand.measure(subject, {
    mode: 'closed',
    model: 'bench-json',
    bearer: bearerPrefix,
    keys,
    seconds: stand.options.seconds,
    warmup,
  });
  await stand.endVariant(subject);
  return load.answersPerSecond;
}
