import { estimateTokens, tokensAroundToolCall, type TokenCounter } from '#core/contracts/token-counter.ts';
import { totalsOf, type Usage } from '#core/usage.ts';
import type { AnswerStream } from './answer-stream.ts';

/** A word goes on from here, so it is counted again with what follows; but not more than this. */
const longestRest = 4096;
/** Characters counted in one go. */
const longestPiece = 64 * 1024;

/**
 * How many tokens of output a stream has come to. Exactly known up to a mark: by the provider's own cumulative figure, or by the
 * gateway's counter. From there on only its bounds are: no token of text has less than one byte. So nothing need be counted
 * where the limit is further away than that.
 */
export class OutputCount {
  readonly #stream: Pick<AnswerStream, 'tally' | 'usage' | 'state'>;
  /** How many of the model's tokens one of the counter's is. */
  readonly #perCounted: number;
  /** Of the provider's figure, where that was heard last. */
  #base = 0;
  /** Counted since, in the counter's tokens; without `#rest`. */
  #counted = 0;
  #rest = '';
  #certain = 0;
  #markBytes = 0;
  #markCalls = 0;
  #usage: Usage | null = null;
  #reported = 0;
  #guess = 0;
  #begun = 0;
  #calls = 0;
  #counting: Promise<void> | null = null;

  constructor(stream: Pick<AnswerStream, 'tally' | 'usage' | 'state'>, perCounted: number) {
    this.#stream = stream;
    this.#perCounted = perCounted;
    stream.tally.followTail();
  }

  /** Never less than what it is: the stream stands nowhere beyond. */
  get bound(): number {
    return Math.max(this.#guess, this.#certain + this.uncountedBytes + this.#aroundCalls);
  }

  /** About what it is. */
  get estimate(): number {
    const since = Math.ceil(estimateTokens(this.uncountedBytes) * this.#perCounted);
    const known = this.#certain + Math.min(this.uncountedBytes, since) + this.#aroundCalls;
    return Math.max(this.#guess, known);
  }

  /** Shown since the mark. */
  get uncountedBytes(): number {
    return this.#stream.tally.bytes - this.#markBytes;
  }

  get isCounting(): boolean {
    return this.#counting !== null;
  }

  get #aroundCalls(): number {
    return (this.#calls - this.#markCalls) * tokensAroundToolCall;
  }

  /** After each event: calls of tools take more than their text, and a provider's figure that has grown is as good as a count. */
  hear(): void {
    const { state, usage } = this.#stream;
    for (; this.#begun < state.begun.length; this.#begun++)
      if (state.begun[this.#begun]!.kind === 'tool-call') this.#calls++;
    if (usage === this.#usage || usage === null) return;
    this.#usage = usage;
    const { output } = totalsOf(usage.lines);
    // One that stands still says nothing of what came since.
    if (output <= this.#reported) return;
    this.#reported = output;
    // With what is thought before anything is said, or a guess at what is to come.
    if (this.#stream.tally.bytes === 0) {
      this.#guess = output;
      return;
    }
    this.#stream.tally.takeTail();
    this.#base = output;
    this.#counted = 0;
    this.#rest = '';
    this.#mark(output, this.#stream.tally.bytes, this.#calls);
  }

  #mark(certain: number, bytes: number, calls: number): void {
    this.#certain = certain;
    this.#markBytes = bytes;
    this.#markCalls = calls;
  }

  /** Moves the mark to where the stream stands now, off the loop; what comes meanwhile is beyond it. */
  count(tokens: TokenCounter): Promise<void> {
    this.#counting ??= this.#count(tokens).finally(() => (this.#counting = null));
    return this.#counting;
  }

  async #count(tokens: TokenCounter): Promise<void> {
    const bytes = this.#stream.tally.bytes;
    const calls = this.#calls;
    const reported = this.#reported;
    const most = this.bound;
    const [head, rest] = splitAtWord(this.#rest + this.#stream.tally.takeTail());
    const inHead = await countPieces(head, tokens);
    const inRest = await countPieces(rest, tokens);
    if (reported !== this.#reported) return;
    if (inHead === null || inRest === null) {
      this.#base = most;
      this.#counted = 0;
      this.#rest = '';
      return this.#mark(most, bytes, calls);
    }
    this.#counted += inHead;
    this.#rest = rest;
    const counted = Math.ceil((this.#counted + inRest) * this.#perCounted);
    this.#base += (calls - this.#markCalls) * tokensAroundToolCall;
    this.#mark(Math.min(most, this.#base + counted), bytes, calls);
  }
}

/** Null when nobody could count. */
async function countPieces(text: string, tokens: TokenCounter): Promise<number | null> {
  let sum = 0;
  for (let at = 0; at < text.length; at += longestPiece) {
    const piece = [text.slice(at, at + longestPiece)];
    let result = await tokens.count(piece);
    // A counter that has to be started may be late once.
    if (!result.counted) result = await tokens.count(piece);
    if (!result.counted) return null;
    sum += result.tokens[0]!;
  }
  return sum;
}

/** Between two words, as near the end as can be: no token begins in the one part and ends in the other. */
function splitAtWord(text: string): readonly [head: string, rest: string] {
  const at = /^[^]*\p{L}(?= \p{L})/u.exec(text)?.[0].length;
  if (at !== undefined) return [text.slice(0, at), text.slice(at)];
  return text.length > longestRest ? [text, ''] : ['', text];
}
