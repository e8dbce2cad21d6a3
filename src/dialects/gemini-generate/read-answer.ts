import type { AnswerEvent, BlockKind } from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import type { EventReader } from '#core/contracts/dialect.ts';
import { Fault } from '#core/fault.ts';
import { isObject } from '#core/read-json.ts';
import type { SseEvent } from '#core/sse-event.ts';
import { parseCitations } from './citations.ts';
import { faultInStream } from './faults.ts';
import { parseFinish } from './finish-reason.ts';
import { PartialArguments } from './partial-arguments.ts';
import { proofOf } from './proof.ts';
import { counts, parseUsage } from './usage.ts';

const textOr = (value: unknown): string => (typeof value === 'string' ? value : '');

interface Candidate {
  open: { readonly block: number; readonly kind: BlockKind } | null;
  next: number;
  calls: number;
  finished: boolean;
  /** Of the call under way, where its arguments come bit by bit. */
  partial: PartialArguments | null;
}

/**
 * Every event of a stream is a whole answer of which only the parts are new; the end of the body ends it.
 * https://ai.google.dev/api/generate-content#GenerateContentResponse
 */
export class ChunkReader implements EventReader {
  #started = false;
  #ended = false;
  /** Makes the ids of tool calls differ from those of other answers. */
  #stamp = '';
  readonly #candidates = new Map<number, Candidate>();

  read(event: SseEvent): AnswerEvent[] {
    if (event.name === 'end' && event.data === '') return this.finish();
    let chunk: unknown;
    try {
      chunk = JSON.parse(event.data);
    } catch {
      // Said below.
    }
    if (!isObject(chunk))
      throw new Fault('upstream/malformed-answer', 'The upstream sent an event that is not a JSON object.');
    return this.readChunk(chunk);
  }

  readChunk(chunk: JsonObject): AnswerEvent[] {
    const { error } = chunk;
    if (isObject(error)) return [{ type: 'fault', fault: faultInStream(error) }];
    if (this.#ended) return [];
    const events: AnswerEvent[] = [];
    if (!this.#started) this.#start(chunk, events);
    const given = chunk['candidates'];
    for (const [at, candidate] of (Array.isArray(given) ? given : []).entries())
      if (isObject(candidate)) this.#readCandidate(candidate, at, events);
    const feedback = chunk['promptFeedback'];
    const blocked = isObject(feedback) ? textOr(feedback['blockReason']) : '';
    if (blocked !== '' && this.#candidates.size === 0) {
      this.#candidates.set(0, { ...newCandidate(), finished: true });
      events.push({ type: 'finish', choice: 0, reason: 'content-filter', raw: blocked });
    }
    const usage = chunk['usageMetadata'];
    if (isObject(usage) && counts(usage)) events.push({ type: 'usage', usage: parseUsage(usage) });
    return events.length > 0 ? events : [{ type: 'opaque', name: 'chunk' }];
  }

  finish(): AnswerEvent[] {
    if (this.#ended) return [];
    const events: AnswerEvent[] = [];
    for (const [choice, candidate] of this.#candidates) this.#close(choice, candidate, events);
    if ([...this.#candidates.values()].some(({ finished }) => finished)) {
      this.#ended = true;
      events.push({ type: 'end' });
    }
    return events;
  }

  #start(chunk: JsonObject, events: AnswerEvent[]): void {
    this.#started = true;
    const id = textOr(chunk['responseId']);
    this.#stamp = id.replaceAll(/[^A-Za-z0-9]/g, '').slice(0, 24);
    const createdAtMs = Date.parse(textOr(chunk['createTime']));
    events.push({
      type: 'start',
      id,
      model: textOr(chunk['modelVersion']),
      createdAtS: Number.isNaN(createdAtMs) ? null : Math.floor(createdAtMs / 1000),
    });
  }

  #readCandidate(raw: JsonObject, at: number, events: AnswerEvent[]): void {
    const { index, content, finishReason, groundingMetadata } = raw;
    const choice = typeof index === 'number' && Number.isSafeInteger(index) && index >= 0 ? index : at;
    let candidate = this.#candidates.get(choice);
    if (!candidate) this.#candidates.set(choice, (candidate = newCandidate()));
    if (candidate.finished) return;
    const parts = isObject(content) && Array.isArray(content['parts']) ? content['parts'] : [];
    for (const part of parts) if (isObject(part)) this.#readPart(choice, candidate, part, events);
    if (isObject(groundingMetadata) && candidate.open?.kind === 'text')
      for (const citation of parseCitations(groundingMetadata))
        events.push({ type: 'citation', choice, block: candidate.open.block, citation });
    if (
      typeof finishReason !== 'string' ||
      finishReason === '' ||
      finishReason === 'FINISH_REASON_UNSPECIFIED'
    )
      return;
    this.#close(choice, candidate, events);
    candidate.finished = true;
    const reason = parseFinish(finishReason, candidate.calls > 0);
    events.push({ type: 'finish', choice, reason, raw: finishReason });
  }

  #readPart(choice: number, candidate: Candidate, part: JsonObject, events: AnswerEvent[]): void {
    const signature = proofOf(textOr(part['thoughtSignature'])) ?? '';
    const { functionCall, text } = part;
    if (isObject(functionCall)) return this.#readCall(choice, candidate, { functionCall, signature }, events);
    if (typeof text === 'string') {
      const isThought = part['thought'] === true;
      if (text !== '') this.#say(choice, candidate, { kind: isThought ? 'reasoning' : 'text', text }, events);
      if (signature !== '') this.#prove(choice, candidate, signature, events);
      return;
    }
    this.#begin(choice, candidate, { kind: 'opaque', raw: part }, events);
    this.#close(choice, candidate, events);
  }

  #readCall(
    choice: number,
    candidate: Candidate,
    { functionCall, signature }: { readonly functionCall: JsonObject; readonly signature: string },
    events: AnswerEvent[],
  ): void {
    const name = textOr(functionCall['name']);
    const goesOn = functionCall['willContinue'] === true;
    const values = Array.isArray(functionCall['partialArgs'])
      ? functionCall['partialArgs'].filter(isObject)
      : [];
    if (name !== '') {
      const id = textOr(functionCall['id']) || `call_${this.#stamp}_${choice}${candidate.calls}`;
      candidate.calls++;
      if (signature !== '') this.#prove(choice, candidate, signature, events);
      this.#begin(choice, candidate, { kind: 'tool-call', id, name }, events);
      if (!goesOn && values.length === 0) {
        const args = isObject(functionCall['args']) ? functionCall['args'] : {};
        const text = JSON.stringify(args);
        events.push({ type: 'delta', choice, block: candidate.open!.block, text });
        return this.#close(choice, candidate, events);
      }
      candidate.partial = new PartialArguments();
    }
    if (!candidate.partial) return;
    for (const value of values) candidate.partial.add(value);
    if (!goesOn) this.#close(choice, candidate, events);
  }

  /** The proof of what was thought before, which need not be told: it stands with what follows, or with nothing. */
  #prove(choice: number, candidate: Candidate, signature: string, events: AnswerEvent[]): void {
    if (candidate.open?.kind !== 'reasoning') this.#begin(choice, candidate, { kind: 'reasoning' }, events);
    events.push({ type: 'signature', choice, block: candidate.open!.block, signature });
    this.#close(choice, candidate, events);
  }

  #say(
    choice: number,
    candidate: Candidate,
    { kind, text }: { readonly kind: BlockKind; readonly text: string },
    events: AnswerEvent[],
  ): void {
    if (candidate.open?.kind !== kind) this.#begin(choice, candidate, { kind }, events);
    events.push({ type: 'delta', choice, block: candidate.open!.block, text });
  }

  #begin(
    choice: number,
    candidate: Candidate,
    of: { readonly kind: BlockKind; readonly id?: string; readonly name?: string; readonly raw?: JsonObject },
    events: AnswerEvent[],
  ): void {
    this.#close(choice, candidate, events);
    const block = candidate.next++;
    candidate.open = { block, kind: of.kind };
    events.push({ type: 'block-start', choice, block, ...of });
  }

  #close(choice: number, candidate: Candidate, events: AnswerEvent[]): void {
    if (!candidate.open) return;
    const { block } = candidate.open;
    if (candidate.partial) events.push({ type: 'delta', choice, block, text: candidate.partial.toString() });
    candidate.partial = null;
    candidate.open = null;
    events.push({ type: 'block-stop', choice, block });
  }
}

const newCandidate = (): Candidate => ({ open: null, next: 0, calls: 0, finished: false, partial: null });

/** A whole answer is a stream of one event. */
export function parseAnswer(body: JsonObject): AnswerEvent[] {
  const { candidates, promptFeedback, error } = body;
  if (!Array.isArray(candidates) && !isObject(promptFeedback) && !isObject(error))
    throw new Fault(
      'upstream/malformed-answer',
      'The upstream\'s answer has neither "candidates" nor "promptFeedback".',
    );
  const reader = new ChunkReader();
  const events = [...reader.readChunk(body), ...reader.finish()];
  if (events.some(({ type }) => type === 'end' || type === 'fault')) return events;
  return [...events, { type: 'finish', choice: 0, reason: 'other' }, { type: 'end' }];
}
