import { advance, newStreamState, type AnswerEvent } from '#core/answer.ts';
import type { Allowance } from '#core/allowance.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import type { TokenCounter } from '#core/contracts/token-counter.ts';
import type { Target } from '#core/target.ts';
import { inputLine, outputLine } from '#core/usage.ts';
import { PaidFlow } from '#pipeline/paid-flow.ts';
import { ScanStream } from '#pipeline/scan-stream.ts';
import { TransformStream } from '#pipeline/transform-stream.ts';
import { bytesOf, contextOf, framingOf, lineOf } from '../conformance/dialect/read-stream.ts';

export const target = { provider: { name: 'p', quirks: {} }, model: 'm' } as unknown as Target;

/** An allowance that has this much, and then gives what is left in `leases`, at once or a little later. */
export function allowanceOf(
  outputTokens: number,
  leases: readonly number[],
  { isLate = false, clampTokens = null }: { isLate?: boolean; clampTokens?: number | null } = {},
): Allowance & { readonly asked: readonly number[] } {
  const left = [...leases];
  const asked: number[] = [];
  return {
    asked,
    clampTokens,
    get outputTokens() {
      return outputTokens;
    },
    more(usedTokens) {
      asked.push(usedTokens);
      const give = () => void (outputTokens += left.shift() ?? 0);
      return isLate ? new Promise((resolve) => setImmediate(() => resolve(give()))) : give();
    },
  };
}

const deltaOf = (text: string, choice = 0): AnswerEvent => ({ type: 'delta', choice, block: 0, text });

/** A whole answer whose text comes in these pieces, as events. */
export const answerOf = (pieces: readonly string[]): AnswerEvent[] => [
  { type: 'start', id: 'id', model: 'm', createdAtS: 1 },
  { type: 'block-start', choice: 0, block: 0, kind: 'text' },
  ...pieces.map((text) => deltaOf(text)),
  { type: 'block-stop', choice: 0, block: 0 },
  { type: 'finish', choice: 0, reason: 'stop' },
  {
    type: 'usage',
    usage: {
      lines: [inputLine(5), outputLine(pieces.length)],
      source: 'provider',
      raw: null,
      flags: [],
    },
  },
  { type: 'end' },
];

/** The events as a stream of the dialect, in bytes. */
export function wireOf(dialect: Dialect, events: readonly AnswerEvent[]): Buffer {
  const state = newStreamState();
  let text = '';
  for (const event of events) {
    text += dialect.client.renderEvent(event, state, contextOf(dialect));
    advance(state, event);
  }
  return bytesOf(dialect, text);
}

/** What a client of the dialect understands of a stream's bytes. */
export function understood(dialect: Dialect, bytes: Buffer) {
  const reader = dialect.provider.eventReader(target);
  const state = newStreamState();
  const framing = framingOf(dialect, lineOf(dialect));
  const text = bytes.toString('latin1');
  const pieces: string[] = [];
  const take = (event: AnswerEvent): void => {
    if (event.type === 'delta') pieces.push(event.text);
    advance(state, event);
  };
  let at = 0;
  for (let end = framing.endOf(text, at, false); end > 0; end = framing.endOf(text, at, false)) {
    reader.read(framing.parse(bytes.toString(framing.encoding, at, end))).forEach(take);
    at = end;
  }
  reader.finish().forEach(take);
  return { pieces, said: pieces.join(''), state, rest: text.slice(at) };
}

export interface PaidSettings {
  readonly from: Dialect;
  readonly to: Dialect;
  /** The upstream's bytes, as they come. */
  readonly chunks: readonly Buffer[];
  readonly allowance: Allowance;
  readonly tokens: TokenCounter;
}

export interface Paid {
  /** What the client is given, with the ending. */
  readonly shown: Buffer;
  readonly isCut: boolean;
  readonly pauses: number;
}

/** Sends an upstream's stream through the gateway's under an allowance, as an attempt does. */
export async function payFor({ from, to, chunks, allowance, tokens }: PaidSettings): Promise<Paid> {
  const framing = framingOf(from, lineOf(from));
  const reader = from.provider.eventReader(target);
  const stream =
    from === to
      ? new ScanStream(reader, null, framing)
      : new TransformStream({
          reader,
          framing,
          client: to.client,
          context: contextOf(to),
          stages: [],
          sameDialect: false,
          provider: 'p',
          withoutUsage: null,
          mayGoOn: false,
        });
  const shown: Buffer[] = [];
  const show = (piece: Buffer | string | null): void => {
    if (piece !== null) shown.push(Buffer.from(piece as string, to.client.streamEncoding ?? 'utf8'));
  };
  let pauses = 0;
  let isCut = false;
  let isOver = false;
  let over!: () => void;
  const whenOver = new Promise<void>((resolve) => (over = resolve));
  let resumed: (() => void) | null = null;
  const end = (): void => {
    isOver = true;
    flow.close();
    resumed?.();
    over();
  };
  const flow: PaidFlow = new PaidFlow({
    allowance,
    stream,
    tokens,
    perCounted: 1,
    earlier: 0,
    pass(chunk) {
      show(stream.push(chunk));
      if (stream.ended) {
        show(stream.rest());
        end();
      }
    },
    pause: () => void pauses++,
    resume: () => resumed?.(),
    cut() {
      isCut = true;
      show(stream.stop());
      show(to.client.renderEnding({ reason: 'length', usage: null }, stream.state, contextOf(to)));
      end();
    },
  });
  for (const [i, chunk] of chunks.entries()) {
    if (isOver) break;
    flow.take(Buffer.from(chunk));
    // Every other one comes although the upstream was asked to wait: it had been read.
    if (flow.isWaiting && i % 2 === 0)
      await new Promise<void>((resolve) => (resumed = resolve)).finally(() => (resumed = null));
  }
  const finish = (): void => {
    show(stream.finish());
    show(stream.rest());
    end();
  };
  if (!isOver && !flow.holds(finish)) finish();
  await whenOver;
  return { shown: Buffer.concat(shown), isCut, pauses };
}
