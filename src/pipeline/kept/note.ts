import type { JsonObject } from '#core/call.ts';
import type { EventReader } from '#core/contracts/dialect.ts';
import type { Obligation } from '#core/contracts/keeper.ts';
import type { KeptName } from '#core/contracts/keeping.ts';
import type { Target } from '#core/target.ts';
import type { ModelCall } from '../model-call.ts';
import type { OutboundCall } from '../outbound-call.ts';
import type { Passage } from '../passage.ts';
import { newExchangeId } from '../open-exchange.ts';
import { subjectsOf } from '../record-intent.ts';
import { firstLookMs } from './collect-owed.ts';
import { ownerOf } from './owner.ts';

/** Where they are kept, and for how long at most; the rest as of `KeptThing`. */
interface NotedAt {
  readonly provider: string;
  readonly forMs: number | null;
  readonly document?: string | null;
  readonly madeBy?: string | null;
}

/** Begins to put on record what a provider keeps for this exchange's caller. The answer's end waits for it. */
export function noteThings(passage: Passage, names: readonly KeptName[], about: NotedAt): void {
  if (names.length === 0) return;
  const { provider, forMs, document = null, madeBy = null } = about;
  const { exchange, gateway } = passage;
  const nowMs = gateway.clock.nowMs();
  const written = gateway.keeper.note(
    names.map(({ id, kind }) => ({
      id,
      kind,
      provider,
      owner: ownerOf(passage),
      exchange: exchange.id,
      createdAtMs: nowMs,
      expiresAtMs: forMs === null ? null : nowMs + forMs,
      document,
      madeBy,
    })),
  );
  // It is looked at when the exchange settles.
  written.catch(() => undefined);
  (passage.noted ??= []).push(written);
}

/** False when something is not on record: then nobody could use what the answer names. Never throws. */
export async function allNoted({ exchange, gateway, noted }: Passage): Promise<boolean> {
  const results = await Promise.allSettled(noted ?? []);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) gateway.observer.failed(exchange, failed.reason);
  return !failed;
}

interface AnswerParts {
  readonly passage: Passage;
  readonly call: ModelCall;
  readonly outbound: OutboundCall;
  readonly target: Target;
}

/** Only what a provider of the client's own dialect keeps has a name that the client learns. */
const isKept = ({ call, outbound }: AnswerParts): boolean =>
  outbound.same && (call.dialect.client.keeping?.keepsAnswer(call.json) ?? false);

/** A whole answer. */
export function noteAnswer(parts: AnswerParts, answer: JsonObject): void {
  if (isKept(parts)) note(parts, parts.call.dialect.client.keeping!.keptIn(answer));
}

function note(parts: AnswerParts, names: readonly KeptName[]): void {
  const { passage, call, target } = parts;
  const { background } = call.dialect.client.keeping!;
  const answer = names.find(({ kind }) => kind === 'response');
  if (answer && background?.asked(call.json))
    owe(passage, {
      thing: answer.id,
      provider: target.provider.name,
      dialect: call.dialect.name,
      requestedModel: call.brief.model,
      model: target.model,
    });
  noteThings(passage, names, {
    provider: target.provider.name,
    forMs: call.dialect.client.keeping!.answersForMs,
  });
}

type Owed = Omit<Obligation, 'receipt' | 'route' | 'subjects' | 'beganAtMs'>;

/** Whoever asked for it may never come back: what it will have used is paid for when it is done. */
export function owe(passage: Passage, owed: Owed): void {
  const { exchange, gateway } = passage;
  const attempt = exchange.attempts.at(-1)!;
  attempt.deferred = true;
  (attempt.flags ??= []).push('deferred');
  const nowMs = gateway.clock.nowMs();
  const obligation = {
    ...owed,
    receipt: newExchangeId(nowMs),
    route: exchange.routeName,
    subjects: subjectsOf(passage),
    beganAtMs: nowMs,
  };
  const written = gateway.keeper.owe(obligation, nowMs + firstLookMs);
  written.then(
    () => gateway.owed.wake(),
    () => undefined,
  );
  (passage.noted ??= []).push(written);
}

/** The same reader, but what its events name is noted as soon as it comes: before the client can see it. */
export function keepingReader(parts: AnswerParts, reader: EventReader): EventReader {
  if (!isKept(parts)) return reader;
  const { keptInEvent } = parts.call.dialect.client.keeping!;
  const seen = new Set<string>();
  return {
    read(event) {
      const fresh = keptInEvent(event).filter(({ id }) => !seen.has(id));
      for (const { id } of fresh) seen.add(id);
      note(parts, fresh);
      return reader.read(event);
    },
    finish: () => reader.finish(),
  };
}
