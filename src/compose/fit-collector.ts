import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';

/** V8's helpers in collecting garbage. */
const helpers = [
  'parallel-scavenge',
  'concurrent-marking',
  'concurrent-sweeping',
  'concurrent-array-buffer-sweeping',
  'parallel-marking',
  'parallel-compaction',
  'parallel-pointer-update',
];

/**
 * On a single core V8's helper threads only take turns with the thread that waits for them: there every thread collects
 * its own garbage by itself. Holds for threads started afterwards.
 */
export function fitCollectorToCores(): void {
  if (availableParallelism() > 1) return;
  for (const helper of helpers) setFlagsFromString(`--no-${helper}`);
}
