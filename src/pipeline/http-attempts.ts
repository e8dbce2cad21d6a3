import type { Lease } from '#core/contracts/target-pool.ts';
import type { UpstreamRequest } from '#core/contracts/upstream.ts';
import type { AttemptRecord } from '#core/exchange.ts';
import { Fault, faultFrom } from '#core/fault.ts';
import type { HeaderList } from '#core/head.ts';
import type { HttpRoute } from '#core/snapshot.ts';
import type { Answer } from './answer.ts';
import { setSticky } from './affinity.ts';
import { attemptResult, neutralResult } from './attempt-result.ts';
import type { HttpUpstream } from './gateway.ts';
import { clientGone, HttpAttempt, type HeadJudge } from './http-attempt.ts';
import type { Passage } from './passage.ts';
import { recordIntent } from './record-intent.ts';
import type { RequestBody } from './request-body.ts';
import { retryAfterMs } from '#core/retry-after.ts';
import { covers, failureOf, isSafe } from './retry-plan.ts';
import type { NextTry, Retries } from './retries.ts';

export interface HttpAsk {
  readonly passage: Passage;
  readonly retries: Retries<HttpUpstream>;
  readonly body: RequestBody | null;
  /** The request as one upstream is to receive it, as the attempt of that number. @throws Fault */
  request(upstream: HttpUpstream, number: number): UpstreamRequest;
}

interface Result {
  readonly lease: Lease<HttpUpstream>;
  readonly record: AttemptRecord;
  readonly answer: Answer | null;
  readonly fault: Fault | null;
}

/** The attempts of one exchange of an http route: one after the other, and beside each other where one is slow. */
export class HttpAttempts implements HeadJudge {
  readonly #ask: HttpAsk;
  readonly #passage: Passage;
  readonly #running = new Map<HttpAttempt, Lease<HttpUpstream>>();
  #winner: HttpAttempt | null = null;
  /** What follows an answer that the client does not get. */
  #next: NextTry<HttpUpstream> | null = null;
  #begun = 0;
  #wake: (() => void) | null = null;

  constructor(ask: HttpAsk) {
    this.#ask = ask;
    this.#passage = ask.passage;
  }

  /** @throws Fault of the last attempt, when nothing of an answer was delivered. */
  async run(): Promise<Answer> {
    const { retries } = this.#ask;
    const { inbound } = this.#passage.exchange;
    let lease = retries.first();
    if (!lease) throw new Fault('upstream/unavailable', 'No upstream of this route is in service.');
    inbound.onGone(() => this.#clientGone());
    for (;;) {
      const result = await this.#round(lease);
      if (result.answer) return result.answer;
      const next = this.#next ?? this.#planAfter(result);
      this.#next = null;
      if (!next) throw result.fault ?? new Fault('upstream/unavailable', 'No upstream has answered.');
      lease = next.lease;
      await this.#wait(next);
      if (inbound.gone || this.#ask.body?.fault) {
        lease.end(neutralResult);
        if (inbound.gone) return clientGone(this.#passage.exchange);
        throw this.#ask.body!.fault!;
      }
    }
  }

  accepts(attempt: HttpAttempt, status: number, headers: HeaderList): boolean {
    if (this.#winner) return false;
    const { gateway } = this.#passage;
    const { rules } = this.#ask.retries;
    const lease = this.#running.get(attempt)!;
    // Who asks to be left alone is, by other exchanges too.
    if (status === 429 || status === 503)
      attempt.record.retryAfterMs = retryAfterMs(headers, gateway.clock.nowMs());
    if (status >= 300 && covers(rules, status)) {
      attempt.record.retryAfterMs ??= retryAfterMs(headers, gateway.clock.nowMs());
      // While another one runs it may answer better.
      if (this.#running.size > 1) return false;
      this.#next = this.#planAfter({ lease, record: attempt.record, answer: null, fault: null });
      if (this.#next) return false;
    }
    this.#winner = attempt;
    setSticky(this.#ask.retries.pool, lease.member, this.#passage.exchange);
    const { hedge, upstream } = this.#passage.route.route as HttpRoute;
    if (hedge?.after === 'p95')
      gateway.retries.latencyOf(upstream).record(gateway.clock.nowMs() - attempt.record.startedAtMs);
    for (const other of this.#running.keys()) {
      if (other === attempt) continue;
      other.record.flags = [...(other.record.flags ?? []), 'cancelled'];
      other.cancel();
    }
    return true;
  }

  #planAfter({ lease, record, fault }: Result): NextTry<HttpUpstream> | null {
    const { body, retries } = this.#ask;
    if (this.#passage.exchange.inbound.gone || (body && !body.replayable)) return null;
    const failure = fault
      ? failureOf(fault, 0, null)
      : { kind: record.status, unsent: false, retryAfterMs: record.retryAfterMs ?? null };
    const next = retries.after(failure, lease);
    if (next) body?.detach();
    return next;
  }

  /** One attempt, and those beside it. */
  #round(lease: Lease<HttpUpstream>): Promise<Result> {
    const first = this.#attempt(lease, []);
    const afterMs = this.#hedgeAfterMs();
    if (afterMs === null) return first;
    return new Promise((resolve) => {
      const { hedge } = this.#passage.route.route as HttpRoute;
      let open = 0;
      let beside = 0;
      let timer: NodeJS.Timeout | undefined;
      let last: Result | null = null;
      const watch = (attempt: Promise<Result>) => {
        open++;
        void attempt.then((result) => {
          if (!last?.answer) last = result;
          // Even one that has lost is waited for: all of them are to be on the receipt.
          if (--open > 0) return;
          clearTimeout(timer);
          resolve(last);
        });
      };
      const arm = () => {
        timer = setTimeout(() => {
          if (this.#winner || open === 0) return;
          const another = this.#besides();
          if (!another) return;
          watch(this.#attempt(another, ['hedge']));
          if (++beside < hedge!.max) arm();
        }, afterMs);
      };
      watch(first);
      arm();
    });
  }

  #hedgeAfterMs(): number | null {
    const { hedge, upstream } = this.#passage.route.route as HttpRoute;
    if (hedge === null || !isSafe(this.#ask.retries.rules, this.#passage.exchange.head.method)) return null;
    if (this.#passage.exchange.head.upgrade !== null) return null;
    return hedge.after === 'p95' ? this.#passage.gateway.retries.latencyOf(upstream).p95Ms : hedge.after;
  }

  #besides(): Lease<HttpUpstream> | null {
    const { body, retries } = this.#ask;
    return body && !body.complete ? null : retries.beside();
  }

  async #attempt(lease: Lease<HttpUpstream>, flags: string[]): Promise<Result> {
    const { passage, retries } = this.#ask;
    const { exchange, gateway } = passage;
    const upstream = lease.member.target;
    const record = this.#recordOf(upstream.name, flags);
    const attempt = new HttpAttempt(passage, record, this);
    let answer: Answer | null = null;
    let fault: Fault | null = null;
    try {
      await recordIntent(passage, record);
      exchange.attempts.push(record);
      if (exchange.inbound.gone) answer = clientGone(exchange);
      else if (!this.#winner) {
        this.#running.set(attempt, lease);
        const { upstream: client } = upstream;
        answer = await attempt.run(client, this.#ask.request(upstream, record.number), retries.deadlineMs);
      }
    } catch (thrown) {
      fault = faultFrom(thrown);
    }
    this.#running.delete(attempt);
    record.endedAtMs = gateway.clock.nowMs();
    record.usage = attempt.usage;
    const lost = this.#winner !== null && this.#winner !== attempt;
    lease.end(lost ? neutralResult : attemptResult(exchange, record, fault, record.endedAtMs));
    return { lease, record, answer, fault };
  }

  #recordOf(provider: string, flags: string[]): AttemptRecord {
    return {
      number: ++this.#begun,
      target: null,
      provider,
      startedAtMs: this.#passage.gateway.clock.nowMs(),
      endedAtMs: 0,
      status: 0,
      fault: null,
      flags,
      upstreamId: null,
      usage: null,
      work: 'none',
      seen: null,
      inputText: null,
    };
  }

  async #wait({ waitMs }: NextTry<HttpUpstream>): Promise<void> {
    if (waitMs <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = null;
  }

  #clientGone(): void {
    this.#wake?.();
    for (const attempt of this.#running.keys()) attempt.abandon();
  }
}
