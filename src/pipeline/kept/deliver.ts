import type { JsonObject } from '#core/call.ts';
import { Fault } from '#core/fault.ts';
import { isObject } from '#core/read-json.ts';
import { wholeAnswer, type Answer } from '../answer.ts';
import type { Passage } from '../passage.ts';
import type { KeptAnswer } from './kept-attempt.ts';

/** A provider's answer, as it came. */
export function deliver(passage: Passage, answered: KeptAnswer): Answer {
  if (answered.type === 'under-way') return answered.answer;
  const { status, headers, body } = answered;
  return wholeAnswer(passage, { status, headers: ['content-type', 'application/json', ...headers], body });
}

/** @throws Fault `upstream/malformed-answer`. */
export function documentIn(body: Buffer): JsonObject {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    if (isObject(parsed)) return parsed;
  } catch {
    // Said below.
  }
  throw new Fault(
    'upstream/malformed-answer',
    'The upstream answered with something that is not a JSON object.',
  );
}
