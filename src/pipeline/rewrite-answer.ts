import type { AnswerRewrite, WrittenAnswer } from '#core/contracts/policy.ts';
import { Fault } from '#core/fault.ts';
import { headerOf, withoutHeaders, type HeaderList } from '#core/head.ts';
import { closed } from './admit.ts';
import type { Passage } from './passage.ts';

/** Whose value says something about the very bytes that would become others (RFC 9530). */
export const digests: readonly string[] = ['content-digest', 'repr-digest', 'digest', 'content-md5'];
/** What is said of a body that becomes another. */
const ofBody = new Set([...digests, 'content-length', 'etag', 'accept-ranges', 'content-encoding']);

/** An upstream's answer that policies make another of: read whole, and then given as one that is made here. */
export class RewrittenAnswer {
  readonly #rewrites: readonly AnswerRewrite[];
  readonly #head: { readonly status: number; readonly headers: HeaderList };
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  readonly maxBytes: number;

  private constructor(rewrites: readonly AnswerRewrite[], status: number, headers: HeaderList) {
    this.#rewrites = rewrites;
    this.#head = { status, headers };
    this.maxBytes = Math.min(...rewrites.map(({ maxBytes }) => maxBytes));
  }

  /** Null: nobody wants to. @throws Fault of a policy that fails, and for a coding that was not asked for. */
  static open({ exchange, route }: Passage, status: number, headers: HeaderList): RewrittenAnswer | null {
    const rewrites = route.rewriteAnswer.flatMap((policy) => {
      try {
        const wanted = policy.rewriteAnswer!(exchange, status, headers);
        if (!wanted) return [];
        const { maxBytes } = wanted;
        return [{ maxBytes, rewrite: (whole: WrittenAnswer) => guarded(() => wanted.rewrite(whole)) }];
      } catch (thrown) {
        throw closed(policy, thrown);
      }
      function guarded(make: () => WrittenAnswer): WrittenAnswer {
        try {
          return make();
        } catch (thrown) {
          throw closed(policy, thrown);
        }
      }
    });
    if (rewrites.length === 0) return null;
    const coding = headerOf(headers, 'content-encoding')?.trim().toLowerCase();
    if (coding && coding !== 'identity')
      throw new Fault(
        'upstream/malformed-answer',
        `The answer is encoded as "${coding}", which was not asked for.`,
      );
    return new RewrittenAnswer(rewrites, status, headers);
  }

  /** False: it is larger than it may be. */
  take(chunk: Buffer): boolean {
    this.#bytes += chunk.length;
    if (this.#bytes > this.maxBytes) return false;
    this.#chunks.push(Buffer.from(chunk));
    return true;
  }

  /** @param headers As they are to be given, but for what says something of the body. */
  finish(headers: HeaderList): WrittenAnswer {
    const { status } = this.#head;
    let whole: WrittenAnswer = {
      status,
      headers: withoutHeaders(headers, ofBody),
      body: Buffer.concat(this.#chunks),
    };
    for (const { rewrite } of this.#rewrites) whole = rewrite(whole);
    return whole;
  }
}
