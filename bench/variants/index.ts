import * as caching from './caching.ts';
import { direct } from './direct.ts';
import * as enforcement from './enforcement.ts';
import { haproxy } from './haproxy.ts';
import { nginx } from './nginx.ts';
import { sluice } from './sluice.ts';
import type { Variant } from './variant.ts';

export const variants: readonly Variant[] = [
  direct,
  nginx,
  sluice,
  haproxy,
  ...Object.values(enforcement),
  ...Object.values(caching),
];
