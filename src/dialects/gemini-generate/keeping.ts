import type { Keeping } from '#core/contracts/keeping.ts';
import { batches } from './batches.ts';
import { findFiles } from './vendor-ids.ts';

/** Answers are not kept for anybody to name; files and batches are. */
export const keeping: Keeping = {
  keepsAnswer: () => false,
  allows: [],
  namesOf: findFiles,
  keptIn: () => [],
  keptInEvent: () => [],
  batches,
  answersForMs: 0,
  expiryOf({ expirationTime: at }) {
    const ms = typeof at === 'string' ? Date.parse(at) : NaN;
    return Number.isNaN(ms) ? null : ms;
  },
};
