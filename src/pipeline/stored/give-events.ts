import type { StoredEvents } from '#core/stored-answer.ts';
import type { Answer } from '../answer.ts';
import type { Passage } from '../passage.ts';

/** A model's answer out of what was kept, as this client's dialect has it, and after the policies that read answers. */
export function giveEvents(_passage: Passage, _stored: StoredEvents): Answer {
  throw new Error('not yet');
}
