import type { Dialect } from '#core/contracts/dialect.ts';
import type { UpstreamCall, UpstreamRequest, UpstreamSink } from '#core/contracts/upstream.ts';
import type { AttemptRecord } from '#core/exchange.ts';
import { Fault, faultFrom } from '#core/fault.ts';
import { hideCredential } from '#core/hide-credential.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import type { Provider, Target } from '#core/target.ts';
import { nothingLeft, type Answer } from '../answer.ts';
import { answerHeaders } from '../answer-headers.ts';
import { passingHeaders } from '../call-headers.ts';
import type { Passage } from '../passage.ts';
import { recordIntent } from '../record-intent.ts';
import { outcomeOf } from '../refuse.ts';

const maxWholeBytes = 64 * 1024 * 1024;
const maxErrorBytes = 256 * 1024;

export interface KeptAttemptParts {
  readonly passage: Passage;
  readonly dialect: Dialect;
  readonly provider: Provider;
  /** Of what is asked of a model. */
  readonly target?: Target;
  readonly request: UpstreamRequest;
  /** What of the answer is taken in whole before anything goes out. */
  readonly reads: 'json' | 'all' | 'nothing';
  /** Work is to be done that is paid for: the answer is waited for even when the client hangs up. */
  readonly stays?: true;
}

/** A provider's answer about a kept thing: whole where it is read, else on its way to the client already. */
export type KeptAnswer =
  | {
      readonly type: 'whole';
      readonly status: number;
      readonly contentType: string;
      readonly headers: HeaderList;
      readonly body: Buffer;
    }
  | { readonly type: 'under-way'; readonly answer: Answer };

/**
 * Asks one provider about something it keeps: put on record first, then made.
 * @throws Fault when it failed, or refused, and nothing was delivered.
 */
export async function attemptKept(parts: KeptAttemptParts): Promise<KeptAnswer> {
  const { passage, provider, request } = parts;
  const { exchange, gateway } = passage;
  const record: AttemptRecord = {
    number: exchange.attempts.length + 1,
    target: parts.target ?? null,
    provider: provider.name,
    startedAtMs: gateway.clock.nowMs(),
    endedAtMs: 0,
    status: 0,
    fault: null,
    upstreamId: null,
    usage: null,
    work: 'none',
    seen: null,
    inputText: null,
  };
  await recordIntent(passage, record);
  exchange.attempts.push(record);
  const { sign } = gateway.endpoint(provider);
  const signed = sign ? await sign(request) : request;
  try {
    return await new KeptAttempt({ ...parts, request: signed }, record).run();
  } finally {
    record.endedAtMs = gateway.clock.nowMs();
  }
}

class KeptAttempt implements UpstreamSink {
  readonly #parts: KeptAttemptParts;
  readonly #record: AttemptRecord;
  #call: UpstreamCall | null = null;
  #status = 0;
  #headers: HeaderList = [];
  #chunks: Buffer[] = [];
  #bytes = 0;
  #isUnderWay = false;
  #over = false;
  #resolve!: (answer: KeptAnswer) => void;
  #reject!: (fault: Fault) => void;

  constructor(parts: KeptAttemptParts, record: AttemptRecord) {
    this.#parts = parts;
    this.#record = record;
  }

  run(): Promise<KeptAnswer> {
    const { passage, provider, request } = this.#parts;
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      passage.exchange.inbound.onGone(() => this.#clientGone());
      if (this.#over) return;
      this.#call = passage.gateway.endpoint(provider).upstream.start(request, this);
    });
  }

  onHead(status: number, headers: HeaderList): void {
    const { dialect, passage, reads } = this.#parts;
    this.#status = status;
    this.#headers = headers;
    this.#record.status = status;
    this.#record.upstreamId = headerOf(headers, dialect.provider.requestIdHeader) ?? null;
    const isJson = (headerOf(headers, 'content-type') ?? '').toLowerCase().startsWith('application/json');
    if (status >= 300 || reads === 'all' || (isJson && reads === 'json')) return;
    const { exchange } = passage;
    exchange.status = status;
    const own = ['content-type', headerOf(headers, 'content-type') ?? 'application/octet-stream'];
    const encoding = headerOf(headers, 'content-encoding');
    if (encoding !== undefined) own.push('content-encoding', encoding);
    let given: HeaderList;
    try {
      given = answerHeaders(passage, status, [...own, ...passingHeaders(headers)]);
    } catch (thrown) {
      this.#call?.cancel();
      return this.onFault(faultFrom(thrown));
    }
    this.#isUnderWay = true;
    exchange.inbound.begin(status, given);
    exchange.inbound.onDrain(() => this.#call?.resume());
  }

  onData(chunk: Buffer): void {
    if (this.#over) return;
    if (this.#isUnderWay) {
      // The chunk is lent, and what waits for a slow client is kept.
      if (!this.#parts.passage.exchange.inbound.write(Buffer.from(chunk))) this.#call?.pause();
      return;
    }
    this.#bytes += chunk.length;
    if (this.#bytes > (this.#status >= 300 ? maxErrorBytes : maxWholeBytes)) {
      this.#call?.cancel();
      return this.onFault(
        new Fault('upstream/malformed-answer', 'The answer is larger than an answer can be.'),
      );
    }
    this.#chunks.push(Buffer.from(chunk));
  }

  onEnd(): void {
    if (this.#over) return;
    const body = Buffer.concat(this.#chunks);
    if (this.#status >= 300) {
      const { dialect, provider } = this.#parts;
      const said = hideCredential(provider, body);
      return this.onFault(dialect.provider.parseFault(this.#status, this.#headers, said));
    }
    this.#over = true;
    if (this.#isUnderWay) this.#resolve({ type: 'under-way', answer: this.#ending(true) });
    else this.#resolve({ type: 'whole', ...this.#whole(body) });
  }

  #whole(body: Buffer) {
    const contentType = headerOf(this.#headers, 'content-type') ?? 'application/json';
    return { status: this.#status, contentType, headers: passingHeaders(this.#headers), body };
  }

  onFault(fault: Fault): void {
    if (this.#over) return;
    this.#over = true;
    this.#record.fault = fault;
    if (!this.#isUnderWay) return this.#reject(fault);
    const { exchange } = this.#parts.passage;
    exchange.fault = fault;
    exchange.outcome = outcomeOf(fault);
    this.#resolve({ type: 'under-way', answer: this.#ending(false) });
  }

  #clientGone(): void {
    if (this.#over) return;
    const { exchange } = this.#parts.passage;
    exchange.outcome = 'client_gone';
    exchange.fault = new Fault('client/gone', 'The client hung up before its answer was complete.');
    if (this.#parts.stays) return;
    this.#over = true;
    this.#call?.cancel();
    this.#resolve({ type: 'under-way', answer: nothingLeft });
  }

  #ending(complete: boolean): Answer {
    const { inbound } = this.#parts.passage.exchange;
    return { release: () => inbound.end(complete), abandon: () => inbound.end(false) };
  }
}
