import type { Figure } from './figure.ts';
import { mixed, prompt, rest, tools, ttfc } from './latency.ts';
import { memory } from './memory.ts';
import { paced } from './paced.ts';
import { keys, routes, threads } from './scale.ts';
import { burst, cached, json } from './throughput.ts';
import { translate } from './translate.ts';

/** In the order they are measured: those with running variants first. */
export const figures: readonly Figure[] = [
  json,
  burst,
  cached,
  paced,
  ttfc,
  rest,
  mixed,
  prompt,
  tools,
  translate,
  memory,
  keys,
  routes,
  threads,
];
