import type { AttemptResult, Lease } from '#core/contracts/target-pool.ts';
import type { BodySink, UpstreamCall, UpstreamRequest, UpstreamSink } from '#core/contracts/upstream.ts';
import type { Fault } from '#core/fault.ts';
import type { HttpRoute, MirrorRules } from '#core/snapshot.ts';
import { neutralResult } from './attempt-result.ts';
import type { HttpUpstream } from './gateway.ts';
import type { Passage } from './passage.ts';

/** What became of a copy. `busy`: too many were under way; `body`: its body was larger than copies may be, or never whole. */
export type MirrorResult = 'answered' | 'failed' | 'busy' | 'body' | 'nobody';

/** So much of an answer that nobody reads is taken, so that its connection can be used again. */
const discardBytes = 64 * 1024;

export interface MirrorParts {
  readonly passage: Passage;
  readonly rules: MirrorRules;
  /** Whole, or null where there is none; undefined: it still flows, and is to be taken from `tap`. */
  readonly body: Buffer | null | undefined;
  request(upstream: HttpUpstream, body: Buffer | null): UpstreamRequest;
}

/**
 * Sends a copy of a request to another group, and throws its answer away. The exchange neither waits for it nor hears of it:
 * a copy is made of what has come, once it is whole.
 */
export class Mirror implements BodySink {
  readonly #parts: MirrorParts;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #over = false;

  private constructor(parts: MirrorParts) {
    this.#parts = parts;
    parts.passage.gateway.mirrors.began(parts.rules.upstream);
    if (parts.body !== undefined) this.#send(parts.body);
  }

  /** Null where there is to be no copy. */
  static start(route: HttpRoute, parts: Omit<MirrorParts, 'rules'>): Mirror | null {
    const rules = route.mirror;
    const { gateway, exchange } = parts.passage;
    if (rules === null || gateway.retries.chance() * 100 >= rules.percent) return null;
    const length = parts.body?.length ?? exchange.head.contentLength ?? 0;
    const refusal =
      gateway.mirrors.running(rules.upstream) >= rules.maxConcurrent
        ? 'busy'
        : length > rules.maxBodyBytes
          ? 'body'
          : null;
    if (refusal === null) return new Mirror({ ...parts, rules });
    gateway.observer.mirrored(rules.upstream, refusal);
    return null;
  }

  // What flows to the exchange's own upstream.

  onData(chunk: Buffer): void {
    if (this.#over) return;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#parts.rules.maxBodyBytes) return this.#end('body');
    this.#chunks.push(chunk);
  }

  onEnd(): void {
    if (!this.#over) this.#send(Buffer.concat(this.#chunks));
  }

  onFault(): void {
    this.#end('body');
  }

  #send(body: Buffer | null): void {
    this.#chunks = [];
    const { passage, rules, request } = this.#parts;
    const { gateway } = passage;
    const nowMs = gateway.clock.nowMs();
    const pool = gateway.upstreamsOf(rules.upstream);
    const lease = pool.take({ affinity: null, sticky: null, tried: [], again: false, nowMs });
    if (!lease) return this.#end('nobody');
    const { target } = lease.member;
    let call: UpstreamCall | null = null;
    let copied: UpstreamRequest;
    try {
      copied = request(target, body);
    } catch {
      // The exchange is refused for the same reason.
      lease.end(neutralResult);
      return this.#end('failed');
    }
    call = target.upstream.start(
      copied,
      new Discarding(lease, nowMs, {
        cancel: () => call?.cancel(),
        end: (result) => this.#end(result),
        nowMs: () => gateway.clock.nowMs(),
      }),
    );
  }

  #end(result: MirrorResult): void {
    if (this.#over) return;
    this.#over = true;
    this.#chunks = [];
    const { passage, rules } = this.#parts;
    passage.gateway.mirrors.ended(rules.upstream);
    passage.gateway.observer.mirrored(rules.upstream, result);
  }
}

interface DiscardingHost {
  cancel(): void;
  end(result: MirrorResult): void;
  nowMs(): number;
}

/** Takes an answer that nobody gets. What it tells of its server counts. */
class Discarding implements UpstreamSink {
  readonly #lease: Lease<HttpUpstream>;
  readonly #startedMs: number;
  readonly #host: DiscardingHost;
  #status = 0;
  #firstMs: number | null = null;
  #bytes = 0;
  #over = false;

  constructor(lease: Lease<HttpUpstream>, startedMs: number, host: DiscardingHost) {
    this.#lease = lease;
    this.#startedMs = startedMs;
    this.#host = host;
  }

  onHead(status: number): void {
    this.#status = status;
    this.#firstMs = this.#host.nowMs() - this.#startedMs;
  }

  onData(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes <= discardBytes) return;
    this.#host.cancel();
    this.onEnd();
  }

  onEnd(): void {
    this.#end(this.#status >= 500 ? 'failure' : 'success');
  }

  onFault({ blame }: Fault): void {
    this.#end(blame === 'upstream' ? 'failure' : 'neutral');
  }

  #end(verdict: AttemptResult['verdict']): void {
    if (this.#over) return;
    this.#over = true;
    const totalMs = this.#host.nowMs() - this.#startedMs;
    this.#lease.end({ verdict, firstMs: this.#firstMs, totalMs, outputTokens: null, retryAfterMs: null });
    this.#host.end(this.#status > 0 && verdict !== 'neutral' ? 'answered' : 'failed');
  }
}
