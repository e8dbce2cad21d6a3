import type { AnswerJudge } from '#core/contracts/answer-judge.ts';
import { Fault } from '#core/fault.ts';
import type { HeaderList } from '#core/head.ts';
import { closed } from './admit.ts';
import type { Passage } from './passage.ts';

/** Policies' judgement of one answer: its body is kept for them, as much of it as they look at. */
export class JudgedAnswer {
  readonly #passage: Passage;
  readonly #judges: readonly AnswerJudge[];
  /** Of which the answer waits. */
  readonly holds: boolean;
  readonly #most: number;
  #chunks: Buffer[] | null = [];
  #bytes = 0;

  constructor(passage: Passage, judges: readonly AnswerJudge[]) {
    this.#passage = passage;
    this.#judges = judges;
    this.holds = judges.some(({ holds }) => holds);
    this.#most = Math.max(...judges.map(({ maxBytes }) => maxBytes));
  }

  /** The chunk is lent. @throws Fault where the answer waits, and is too long for that. */
  take(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#most) {
      this.#chunks = null;
      if (this.holds)
        throw new Fault(
          'upstream/answer-too-large',
          `The answer is larger than the ${this.#most} bytes that can be judged before it is given.`,
        );
    }
    this.#chunks?.push(Buffer.from(chunk));
  }

  /** The whole body, where it was kept. @throws Fault of a judge, or where one fails, if the answer waits for it. */
  end(): Buffer | null {
    const body = this.#chunks && Buffer.concat(this.#chunks);
    this.#chunks = null;
    this.#judge(body);
    return body;
  }

  /** The answer broke off: there is nothing to be held back any more. */
  breakOff(): void {
    if (!this.holds) this.#judge(null);
  }

  #judge(body: Buffer | null): void {
    for (const { maxBytes, holds, onBody } of this.#judges) {
      try {
        onBody(body && body.length <= maxBytes ? body : null);
      } catch (thrown) {
        if (holds) throw thrown;
        this.#passage.gateway.observer.failed(this.#passage.exchange, thrown);
      }
    }
  }
}

/** Null: nobody judges. @throws Fault of a policy that fails. */
export function judgedAnswer(passage: Passage, status: number, headers: HeaderList): JudgedAnswer | null {
  const { judgeAnswer } = passage.route;
  if (judgeAnswer.length === 0) return null;
  const judges: AnswerJudge[] = [];
  for (const policy of judgeAnswer) {
    try {
      const judge = policy.judgeAnswer!(passage.exchange, status, headers);
      if (judge) judges.push(judge);
    } catch (thrown) {
      throw closed(policy, thrown);
    }
  }
  return judges.length > 0 ? new JudgedAnswer(passage, judges) : null;
}
