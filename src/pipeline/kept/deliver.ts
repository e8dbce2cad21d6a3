import type { JsonObject } from '#core/call.ts';
import type { KeptUse } from '#core/contracts/keeping.ts';
import { Fault } from '#core/fault.ts';
import { scanFields, spliceFields } from '#core/json.ts';
import { isObject } from '#core/read-json.ts';
import { wholeAnswer, type Answer } from '../answer.ts';
import type { Passage } from '../passage.ts';
import type { KeptAnswer } from './kept-attempt.ts';

/** A provider's answer, as it came but for what must say something else here. */
export function deliver(passage: Passage, answered: KeptAnswer, use?: KeptUse): Answer {
  if (answered.type === 'under-way') return answered.answer;
  const { status, contentType, headers, body } = answered;
  return wholeAnswer(passage, {
    status,
    headers: ['content-type', contentType, ...headers],
    body: use?.shown ? shownBody(body, use.shown(documentIn(body), calledAt(passage))) : body,
  });
}

const shownBody = (body: Buffer, edits: ReadonlyMap<string, string>): Buffer =>
  spliceFields(body, scanFields(body.toString('latin1')), edits);

/** The address that the client called, as far as it named one. */
export const calledAt = ({ exchange: { head } }: Passage): string =>
  `${head.scheme}://${head.authority}${head.path}`;

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
