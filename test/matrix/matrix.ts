/** What becomes of each feature between each two dialects, found out by doing it. */
import type { Conversation } from '#core/call.ts';
import type { AnswerEvent } from '#core/answer.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import { Fault } from '#core/fault.ts';
import { chatDialects as dialects } from '#dialects/index.ts';
import { contextOf, lineOf, readStream, renderStream, target } from '../conformance/dialect/read-stream.ts';
import { answerFeatures, type AnswerFeature } from './answer-features.ts';
import { errorFeatures, type ErrorFeature } from './error-features.ts';
import { callFeatures, callWith, type CallFeature } from './call-features.ts';

/**
 * `same`: within a dialect, bytes pass. `translated`: it arrives. `emulated`: it arrives in another form, which is named.
 * `refused`: it is named as dropped, or refused where the call is strict. `lost`: an answer does not tell it. `none`: the
 * dialect that it comes from has no word for it. `silent` must not be: a call loses it and nobody says so.
 */
export type Cell = 'same' | 'translated' | 'emulated' | 'refused' | 'lost' | 'none' | 'silent';

export interface Row {
  readonly feature: string;
  /** By the name of the provider's dialect. */
  readonly cells: Readonly<Record<string, Cell>>;
}

export interface Sheet {
  /** The client's dialect. */
  readonly client: string;
  readonly calls: readonly Row[];
  readonly answers: readonly Row[];
  readonly errors: readonly Row[];
}

export const makeMatrix = (): Sheet[] =>
  dialects.map((client) => ({
    client: client.name,
    calls: callFeatures.map((feature) =>
      row(feature.name, (provider) => callCell(feature, client, provider)),
    ),
    answers: answerFeatures.map((feature) =>
      row(feature.name, (provider) => answerCell(feature, client, provider)),
    ),
    errors: errorFeatures.map((feature) =>
      row(feature.name, (provider) => errorCell(feature, client, provider)),
    ),
  }));

const row = (feature: string, cellOf: (provider: Dialect) => Cell): Row => ({
  feature,
  cells: Object.fromEntries(dialects.map((provider) => [provider.name, cellOf(provider)])),
});

/** A call as a client of the dialect says it, in neutral words again; null where the dialect refuses to say it. */
function reread(dialect: Dialect, call: Conversation): { call: Conversation; losses: number } | null {
  try {
    const { body, losses } = dialect.provider.renderCall(call, target);
    const json = JSON.parse(body) as Record<string, unknown>;
    return { call: dialect.client.parseCall(json, lineOf(dialect)), losses: losses.length };
  } catch (thrown) {
    if (thrown instanceof Fault) return null;
    throw thrown;
  }
}

function callCell({ ask, isAsked, unasked }: CallFeature, client: Dialect, provider: Dialect): Cell {
  const said = reread(client, callWith(ask));
  if (!said || !isAsked(said.call, callWith(ask))) return 'none';
  if (client === provider) return 'same';
  if (unasked?.includes(provider.name)) return 'translated';
  const heard = reread(provider, said.call);
  if (!heard) return 'refused';
  if (isAsked(heard.call, said.call)) return heard.losses > 0 ? 'emulated' : 'translated';
  return heard.losses > 0 ? 'refused' : 'silent';
}

const forms: readonly ((dialect: Dialect, events: readonly AnswerEvent[]) => AnswerEvent[])[] = [
  (dialect, events) => readStream(dialect, renderStream(dialect, events).text),
  (dialect, events) => {
    const body = JSON.parse(dialect.client.renderAnswer(events, contextOf(dialect))) as Record<
      string,
      unknown
    >;
    return dialect.provider.parseAnswer(body, target);
  },
];

/** Streamed and whole must agree. */
function answerCell({ name, events, isTold }: AnswerFeature, client: Dialect, provider: Dialect): Cell {
  const cells = forms.map((reread): Cell => {
    const said = reread(provider, events);
    if (!isTold(said)) return 'none';
    if (client === provider) return 'same';
    return isTold(reread(client, said)) ? 'translated' : 'lost';
  });
  if (new Set(cells).size > 1)
    throw new Error(
      `${name}: ${provider.name} to ${client.name} is ${cells[0]} streamed, and ${cells[1]} whole`,
    );
  return cells[0]!;
}

/** An error as a client of the dialect is told it, and hears it: before an answer, and within a stream. */
const tellings: readonly ((dialect: Dialect, fault: Fault) => Fault | null)[] = [
  (dialect, fault) => {
    const { headers, body } = dialect.client.renderFault(fault, 'X');
    const all = [...headers, ...(fault.details.headers ?? [])];
    return dialect.provider.parseFault(fault.status, all, Buffer.from(body));
  },
  (dialect, fault) => {
    const events = readStream(dialect, dialect.client.renderFaultEvent(fault, 'X', lineOf(dialect)));
    return events.find((event) => event.type === 'fault')?.fault ?? null;
  },
];

function errorCell({ fault, within, isTold }: ErrorFeature, client: Dialect, provider: Dialect): Cell {
  const tell = tellings[within ? 1 : 0]!;
  const said = tell(provider, fault);
  if (!said || !isTold(said)) return 'none';
  if (client === provider) return 'same';
  const heard = tell(client, said);
  return heard && isTold(heard) ? 'translated' : 'lost';
}
