import { setTimeout as sleep } from 'node:timers/promises';
import { readMemory } from '../process-figures.ts';
import type { Figure } from './figure.ts';
import { pacedStreams, rampMs } from './paced.ts';

const settleMs = 3000;
const megabyte = 1e6;

/** Memory of a fresh process: idle, and with streams open. Half of the streams first, so that the slope can be told
 * from what the first requests of any number cost (code, buffers, a heap that grows in steps). */
export const memory: Figure = {
  name: 'memory',
  title: 'memory of a fresh process: idle, with many open streams, and after them',
  metrics: [
    { key: 'idleMb', title: 'idle RSS MB', digits: 1 },
    { key: 'idlePssMb', title: 'idle PSS MB', digits: 1 },
    { key: 'openMb', title: 'open RSS MB', digits: 1 },
    { key: 'afterMb', title: 'after RSS MB', digits: 1 },
    { key: 'perStreamKb', title: 'KB/stream', digits: 1, against: 'ratio' },
    { key: 'perFurtherStreamKb', title: 'KB/further stream', digits: 1 },
  ],
  fresh: true,
  applies: (variant) => variant.name !== 'direct',
  async measure(stand, { variant }) {
    const subject = await stand.startVariant(variant);
    const pid = subject.running.child?.pid;
    if (pid === undefined) throw new Error(`${variant.name} has no process`);
    await sleep(settleMs);
    const idle = readMemory(pid);

    const half = Math.floor(stand.options.streams / 2);
    const settleSeconds = settleMs / 1000;
    const stepSeconds = rampMs / 1000 + settleSeconds + 1;
    const first = stand.hold(subject, { ...pacedStreams(half, 2 * stepSeconds), warmup: 0 });
    await first.begun;
    await sleep(settleMs);
    const atHalf = readMemory(pid);
    const second = stand.hold(subject, { ...pacedStreams(half, stepSeconds), warmup: 0 });
    await second.begun;
    await sleep(settleMs);
    const open = readMemory(pid);
    await Promise.all([first.report, second.report]);
    await sleep(settleMs);
    const after = readMemory(pid);
    await stand.endVariant(subject);
    return {
      idleMb: idle.rssBytes / megabyte,
      idlePssMb: idle.pssBytes / megabyte,
      openMb: open.rssBytes / megabyte,
      afterMb: after.rssBytes / megabyte,
      perStreamKb: (open.rssBytes - idle.rssBytes) / (2 * half) / 1000,
      perFurtherStreamKb: (open.rssBytes - atHalf.rssBytes) / half / 1000,
    };
  },
};
