import { createHash, randomBytes } from 'node:crypto';
import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';
import type { PeerSession } from './peer-session.ts';
import type { Hearing } from './tool-source.ts';
import { codes, failure, questions, withMeta, type Outcome, type RpcRequest } from './wire.ts';

/** Servers that ask several things at once send them one after the other: so long the next one is waited for. */
const gatherMs = 25;

/** Member of `_meta` by which a server may name a question. */
const questionKey = 'sluice/question';

/** What a held call has come to: its end, or questions that its caller is to answer. */
export type Step =
  | { readonly outcome: Outcome }
  | { readonly fault: unknown }
  | { readonly questions: Readonly<Record<string, JsonObject>> };

export interface HeldWish {
  readonly session: PeerSession;
  readonly method: string;
  readonly params: JsonObject;
  /** What the caller can be asked. */
  readonly capabilities: JsonObject;
  /** Answers that came with the request, by the questions they are for. */
  readonly ahead: JsonObject;
}

/**
 * A request of a session that may ask its caller something before it answers. While its caller answers by a request of his own, it is
 * held here.
 */
export class HeldCall {
  readonly key = randomBytes(12).toString('base64url');
  /** Counts how often its caller was asked: an answer is for one round. */
  round = 0;
  readonly #wish: HeldWish;
  readonly #ended = new AbortController();
  readonly #open = new Map<string, RpcRequest>();
  #hearing: Hearing | null = null;
  #step: Step | null = null;
  #wake: (() => void) | null = null;

  constructor(wish: HeldWish) {
    this.#wish = wish;
    const { session, method, params } = wish;
    session
      .request(method, params, {
        signal: this.#ended.signal,
        onNotification: (message) => this.#hearing?.notify(message),
        onQuestion: (question) => this.#questioned(question),
      })
      .then(
        (outcome) => this.#come({ outcome }),
        (thrown: unknown) => this.#come({ fault: thrown }),
      );
  }

  /** Until it ends, or asks. A caller that leaves meanwhile ends it. */
  async next(hearing: Hearing): Promise<Step> {
    this.#hearing = hearing;
    const leave = () => this.end();
    hearing.signal.addEventListener('abort', leave, { once: true });
    try {
      if (this.#open.size === 0 && !this.#step) await new Promise<void>((resolve) => (this.#wake = resolve));
      if (!this.#step) await new Promise((resolve) => setTimeout(resolve, gatherMs));
      if (this.#step) return this.#step;
      this.round++;
      return { questions: this.#asked() };
    } finally {
      this.#hearing = null;
      hearing.signal.removeEventListener('abort', leave);
    }
  }

  /** What its caller answers. What he leaves open he is asked again. */
  async resume(answers: JsonObject, hearing: Hearing): Promise<Step> {
    for (const [key, question] of [...this.#open]) {
      const answer = answers[key];
      if (!isObject(answer)) continue;
      this.#open.delete(key);
      this.#wish.session.respond(question.id, { result: answer });
    }
    return this.next(hearing);
  }

  end(): void {
    this.#ended.abort();
  }

  #asked(): Record<string, JsonObject> {
    return Object.fromEntries(
      [...this.#open].map(([key, { method, params }]) => [
        key,
        { method, params: withMeta(params, { [questionKey]: undefined }) },
      ]),
    );
  }

  #come(step: Step): void {
    this.#step ??= step;
    this.#wake?.();
  }

  #questioned(question: RpcRequest): void {
    const { session, capabilities, ahead } = this.#wish;
    const needed = Object.hasOwn(questions, question.method) ? questions[question.method]! : null;
    if (needed === null)
      return session.respond(question.id, failure(codes.methodNotFound, 'Callers cannot be asked this.'));
    if (!isObject(capabilities[needed])) {
      session.respond(question.id, failure(codes.methodNotFound, `The caller has not declared "${needed}".`));
      const message = `The server needs the capability "${needed}", which the client has not declared.`;
      const data = { requiredCapabilities: { [needed]: {} } };
      return this.#come({ outcome: failure(codes.missingCapability, message, data) });
    }
    const key = this.#keyOf(question);
    const answer = ahead[key];
    if (isObject(answer)) return session.respond(question.id, { result: answer });
    this.#open.set(key, question);
    this.#wake?.();
  }

  /** A name that the server has given it; else the same for the same question: no answer is taken for that of another one. */
  #keyOf({ method, params }: RpcRequest): string {
    const { _meta: meta, ...asked } = params;
    const named = isObject(meta) ? meta[questionKey] : undefined;
    if (typeof named === 'string' && !this.#open.has(named)) return named;
    const hash = createHash('sha256')
      .update(JSON.stringify([method, asked]))
      .digest('base64url');
    const key = `${questions[method]!}-${hash.slice(0, 12)}`;
    let free = key;
    for (let n = 2; this.#open.has(free); n++) free = `${key}-${n}`;
    return free;
  }
}
