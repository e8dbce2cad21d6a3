import type { RenderContext } from '#core/contracts/dialect.ts';
import type { UpstreamCall, UpstreamSink } from '#core/contracts/upstream.ts';
import type { Framing } from '#core/contracts/framing.ts';
import { Fault, faultFrom } from '#core/fault.ts';
import { hideCredential } from '#core/hide-credential.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import { serverSentEvents } from '#core/sse.ts';
import { nothingLeft, wholeAnswer, type Answer } from './answer.ts';
import type { AnswerStream } from './answer-stream.ts';
import type { CallAttemptParts } from './call-attempt-parts.ts';
import { callHeaders } from './call-headers.ts';
import { createDecoder, type Decoder } from './decoder.ts';
import { streamType } from './model-call.ts';
import { neverLeft } from './attempt-result.ts';
import { measure, usageOfAll, withOutput } from './measure.ts';
import { openStream } from './open-stream.ts';
import { endTicket } from './pace-refusal.ts';
import { PassStream } from './pass-stream.ts';
import { renderContext } from './render-context.ts';
import { retryAfterMs } from '#core/retry-after.ts';
import { PaidFlow } from './paid-flow.ts';
import { recordProgress } from './record-progress.ts';
import { StreamDelivery } from './stream-delivery.ts';
import { renderWhole } from './whole-answer.ts';

/** An answer in one piece, or an error document, is not larger than this. */
const maxWholeBytes = 64 * 1024 * 1024;
const maxErrorBytes = 256 * 1024;

/** One model call under way: takes what the upstream sends and makes an answer of it, or a fault. */
export class CallAttempt implements UpstreamSink {
  readonly #parts: CallAttemptParts;
  #call: UpstreamCall | null = null;
  #status = 0;
  #headers: HeaderList = [];
  #chunks: Buffer[] = [];
  #bytes = 0;
  #decoder: Decoder | null = null;
  #framing: Framing | null = null;
  #delivery: StreamDelivery | null = null;
  #resolve!: (answer: Answer) => void;
  #reject!: (fault: Fault) => void;
  #over = false;
  /** Does it go on with what another target began? */
  #goesOn = false;
  #paid: PaidFlow | null = null;
  /** Does the client read too slowly? */
  #isHeld = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(parts: CallAttemptParts) {
    this.#parts = parts;
  }

  run(): Promise<Answer> {
    const { passage, outbound, record, deadlineMs } = this.#parts;
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      passage.exchange.inbound.onGone(() => this.#clientGone());
      if (this.#over) return;
      const { provider } = record.target!;
      record.work = 'unknown';
      if (deadlineMs > 0) this.#timer = setTimeout(() => this.#late(deadlineMs), deadlineMs);
      this.#call = passage.gateway.endpoint(provider).upstream.start(outbound.request, this);
    });
  }

  recordProgress(): void {
    if (this.#delivery) recordProgress(this.#parts.passage, this.#parts.record);
  }

  onHead(status: number, headers: HeaderList): void {
    const { record, call, passage, outbound } = this.#parts;
    this.#clearTimer();
    this.#status = status;
    this.#headers = headers;
    record.status = status;
    if (this.#parts.watchesLimits || status >= 400)
      record.limits = outbound.dialect.provider.readLimits(headers);
    if (status >= 400) record.retryAfterMs = retryAfterMs(headers, passage.gateway.clock.nowMs());
    const { requestIdHeader, tierHeader } = outbound.dialect.provider;
    endTicket(passage, record.target!, (ticket) =>
      ticket.heard({ status, limits: record.limits ?? null, retryAfterMs: record.retryAfterMs ?? null }),
    );
    record.upstreamId = headerOf(headers, requestIdHeader) ?? null;
    const tier = tierHeader && headerOf(headers, tierHeader);
    if (tier) record.servedTier = tier;
    // Before inference nothing is used: an error status says that it did not begin.
    record.work = status < 400 ? 'begun' : 'none';
    const encoding = headerOf(headers, 'content-encoding')?.trim().toLowerCase();
    if (encoding && encoding !== 'identity' && !this.#decode(encoding)) return;
    if (status >= 200 && status < 300 && this.#passesUnread(headers)) {
      this.#open(new PassStream(), headerOf(headers, 'content-type')!);
      return;
    }
    if (status >= 200 && status < 300 && call.brief.stream) this.#framing = this.#framingOf(headers);
    if (this.#framing) {
      const { continuation } = this.#parts;
      const parts = {
        target: record.target!,
        framing: this.#framing,
        context: this.#context(),
        continuation,
      };
      this.#open(openStream(passage, call, outbound, parts), streamType(call));
    }
  }

  #passesUnread(headers: HeaderList): boolean {
    const { dialect, same } = this.#parts.outbound;
    const { unread } = dialect.provider;
    if (!same || !unread) return false;
    const type = (headerOf(headers, 'content-type') ?? '').toLowerCase();
    return unread.some((beginning) => type.startsWith(beginning));
  }

  #open(stream: AnswerStream, contentType: string): void {
    const { record, call, passage, isLast } = this.#parts;
    record.seen = stream.tally;
    const { provider, model } = record.target!;
    const flow = {
      pace: passage.gateway.observer.paceOf(provider.name, model),
      pause: () => {
        this.#isHeld = true;
        this.#pause();
      },
      resume: () => {
        this.#isHeld = false;
        if (!this.#paid?.isWaiting) this.#resume();
      },
    };
    this.#paid = this.#openPaid(stream);
    const { continuation } = this.#parts;
    if (continuation?.begun) {
      this.#goesOn = true;
      this.#delivery = continuation.delivery!;
      this.#delivery.goOn(stream, flow);
      return;
    }
    this.#delivery = new StreamDelivery({
      passage,
      stream,
      call,
      context: this.#context(),
      headers: callHeaders(this.#parts, this.#headers, [
        'content-type',
        contentType,
        'cache-control',
        'no-cache',
      ]),
      waitsForContent: !isLast,
      ...flow,
    });
    if (continuation) continuation.delivery = this.#delivery;
  }

  /** What comes of other work is not text that could be counted. */
  #openPaid(stream: AnswerStream): PaidFlow | null {
    const { passage, call, outbound, record } = this.#parts;
    const { allowance } = passage.exchange;
    if (!allowance || call.dialect.surface !== undefined) return null;
    return new PaidFlow({
      allowance,
      stream,
      tokens: passage.gateway.tokens,
      perCounted: outbound.dialect.provider.tokensPerCounted?.(record.target!) ?? 1,
      earlier: passage.spentTokens ?? 0,
      pass: (chunk) => this.#pass(chunk),
      pause: () => this.#pause(),
      resume: () => {
        if (!this.#isHeld) this.#resume();
      },
      cut: () => void this.#cut().catch((thrown: unknown) => this.#break(faultFrom(thrown))),
    });
  }

  #pause(): void {
    (this.#decoder ?? this.#call)?.pause();
  }

  #resume(): void {
    (this.#decoder ?? this.#call)?.resume();
  }

  /** Null for an answer in one piece. */
  #framingOf(headers: HeaderList): Framing | null {
    const { framings = [serverSentEvents] } = this.#parts.outbound.dialect.provider;
    const type = (headerOf(headers, 'content-type') ?? '').toLowerCase();
    const framing = framings.find(({ mediaType }) => type.startsWith(mediaType));
    // A whole answer is JSON, too: it is a stream only where one was asked for.
    const isWhole = !this.#parts.call.brief.stream && framing?.mediaType === 'application/json';
    return isWhole ? null : (framing ?? null);
  }

  /** False when nobody can read it, which has ended the attempt. */
  #decode(encoding: string): boolean {
    const onFault = (fault: Fault) => {
      this.#call?.cancel();
      this.onFault(fault);
    };
    this.#decoder = createDecoder(encoding, {
      onData: (chunk) => this.#take(chunk),
      onDrain: () => this.#call?.resume(),
      onEnd: () => this.#finish(),
      onFault,
    });
    if (this.#decoder) return true;
    const message = `The answer is encoded as "${encoding}", which was not asked for.`;
    onFault(new Fault('upstream/malformed-answer', message));
    return false;
  }

  onData(chunk: Buffer): void {
    if (!this.#decoder) this.#take(chunk);
    else if (!this.#decoder.write(chunk)) this.#call?.pause();
  }

  onEnd(): void {
    if (this.#decoder) this.#decoder.end();
    else this.#finish();
  }

  onFault(fault: Fault): void {
    if (this.#over || this.#paid?.holds(() => this.onFault(fault))) return;
    this.#break(fault);
  }

  #break(fault: Fault): void {
    if (this.#over) return;
    this.#parts.record.fault = fault;
    const { continuation, passage, call } = this.#parts;
    // A target that goes on may fail before it does: whether there is another is for whoever chose it.
    const goesOn = continuation?.begun && (!this.#delivery || continuation.mayGoOn(passage, call));
    if (this.#delivery?.begun && !goesOn) this.#complete(this.#delivery.fail(fault));
    else this.#fail(fault);
  }

  #take(chunk: Buffer): void {
    if (this.#over) return;
    const delivery = this.#delivery;
    if (!delivery) {
      this.#bytes += chunk.length;
      if (this.#bytes <= (this.#status >= 400 ? maxErrorBytes : maxWholeBytes))
        this.#chunks.push(Buffer.from(chunk));
      else this.#fail(new Fault('upstream/malformed-answer', 'The answer is larger than an answer can be.'));
      return;
    }
    if (this.#paid) this.#paid.take(chunk);
    else this.#pass(chunk);
  }

  #pass(chunk: Buffer): void {
    const delivery = this.#delivery!;
    try {
      delivery.take(chunk);
      if (delivery.stream.cut) this.#call?.cancel();
      if (delivery.stream.ended) this.#complete(delivery.end());
    } catch (thrown) {
      this.#call?.cancel();
      this.onFault(faultFrom(thrown));
    }
  }

  /** The client is told what the receipt says, so that is found out first. */
  async #cut(): Promise<void> {
    this.#call?.cancel();
    const { passage, record } = this.#parts;
    this.#settleUsage();
    const measured = await measure(passage, record);
    // By the count that ended it, which is the model's and not the counter's.
    const usage = measured && withOutput(measured, this.#paid!.output);
    record.usage = usage;
    record.work = 'finished';
    const shown = this.#goesOn ? await usageOfAll(passage) : usage;
    if (this.#over) return;
    const message = 'The budget ran out while the answer was under way, and so it ended there.';
    passage.exchange.fault = new Fault('budget/cut', message);
    const answer = this.#delivery!.endUnpaid(shown);
    this.#end();
    this.#resolve(answer);
  }

  #finish(): void {
    if (this.#over || this.#paid?.holds(() => this.#finish())) return;
    try {
      if (this.#delivery) {
        this.#delivery.finish();
        this.#complete(this.#delivery.end());
      } else {
        this.#complete(this.#whole());
      }
    } catch (thrown) {
      this.onFault(faultFrom(thrown));
    }
  }

  #whole(): Answer {
    const { passage, call, outbound, record } = this.#parts;
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    if (this.#status >= 300) {
      const said = hideCredential(record.target!.provider, body);
      const fault = outbound.dialect.provider.parseFault(this.#status, this.#headers, said);
      // Some say in the body alone when to come back.
      record.retryAfterMs ??= retryAfterMs(fault.details.headers ?? [], passage.gateway.clock.nowMs());
      throw fault;
    }
    if (this.#parts.continuation?.begun)
      throw new Fault('upstream/malformed-answer', 'The answer came whole, and a stream was to go on.');
    const rendered = renderWhole(
      { passage, call, outbound, record, context: this.#context() },
      body,
      call.brief.stream ? null : this.#framingOf(this.#headers),
    );
    return wholeAnswer(passage, {
      status: this.#status,
      headers: callHeaders(this.#parts, this.#headers, ['content-type', rendered.contentType]),
      body: rendered.body,
    });
  }

  #clientGone(): void {
    if (this.#over) return;
    const { exchange } = this.#parts.passage;
    this.#call?.cancel();
    const wasComplete = this.#delivery !== null && this.#delivery.allSaid;
    if (!wasComplete) {
      exchange.outcome = 'client_gone';
      exchange.fault = new Fault('client/gone', 'The client hung up before its answer was complete.');
    }
    (this.#delivery ?? this.#parts.continuation?.delivery)?.abort();
    this.#settleUsage();
    this.#end();
    this.#resolve(nothingLeft);
  }

  #fail(fault: Fault): void {
    this.#call?.cancel();
    this.#parts.record.fault = fault;
    if (neverLeft(fault)) this.#parts.record.work = 'none';
    this.#settleUsage();
    this.#end();
    this.#reject(fault);
  }

  #complete(answer: Answer): void {
    this.#settleUsage();
    this.#end();
    this.#resolve(answer);
  }

  #late(afterMs: number): void {
    const message = `${this.#parts.record.provider} did not begin to answer within ${Math.round(afterMs)} ms (retries).`;
    this.onFault(new Fault('upstream/header-timeout', message));
  }

  #end(): void {
    this.#over = true;
    if (this.#paid) {
      this.#paid.close();
      this.#parts.passage.spentTokens = this.#paid.used;
    }
    if (this.#decoder) {
      this.#decoder.destroy();
      // The rest is read and thrown away, so that the connection can be used again.
      this.#call?.resume();
    }
    this.#clearTimer();
  }

  #clearTimer(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #settleUsage(): void {
    const { record } = this.#parts;
    const stream = this.#delivery?.stream;
    if (!stream) return;
    const { id, model, finish } = stream.state;
    if (id !== '' || finish)
      record.facts = { id, model, finish: finish ? [finish.raw ?? finish.reason] : [] };
    record.usage = this.#goesOn ? this.#parts.continuation!.ownUsage : stream.usage;
    if (stream.ended || stream.state.finished.size > 0) record.work = stream.cut ? 'begun' : 'finished';
  }

  #context(): RenderContext {
    return renderContext(this.#parts.passage, this.#parts.call);
  }
}
