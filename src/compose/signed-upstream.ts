import type { Sign } from '#core/contracts/signer.ts';
import type { Upstream, UpstreamCall, UpstreamRequest, UpstreamSink } from '#core/contracts/upstream.ts';
import { faultFrom } from '#core/fault.ts';

export interface SignedUpstreamParts {
  readonly upstream: Upstream;
  readonly sign: Sign;
  /** Do requests come signed already? */
  readonly signed: boolean;
}

/**
 * Proves who calls, and once more, with another proof, where the first is refused (401): the upstream has not acted on what it
 * refused. A body that was still arriving cannot be sent twice; then the refusal is the answer, and the next request has the other
 * proof.
 */
export class SignedUpstream implements Upstream {
  readonly #parts: SignedUpstreamParts;

  constructor(parts: SignedUpstreamParts) {
    this.#parts = parts;
  }

  start(request: UpstreamRequest, sink: UpstreamSink): UpstreamCall {
    return new SignedCall(request, sink, this.#parts);
  }

  stats() {
    return this.#parts.upstream.stats();
  }

  close(): void {
    this.#parts.upstream.close();
  }
}

class SignedCall implements UpstreamCall {
  readonly #sink: UpstreamSink;
  readonly #parts: SignedUpstreamParts;
  #call: UpstreamCall | null = null;
  #over = false;
  #isPaused = false;

  constructor(request: UpstreamRequest, sink: UpstreamSink, parts: SignedUpstreamParts) {
    this.#sink = sink;
    this.#parts = parts;
    if (parts.signed) this.#send(request, true);
    else this.#sendWith(parts.sign(request), true);
  }

  pause(): void {
    this.#isPaused = true;
    this.#call?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#call?.resume();
  }

  cancel(): void {
    this.#over = true;
    this.#call?.cancel();
  }

  #sendWith(signing: Promise<UpstreamRequest>, mayRefuse: boolean): void {
    signing.then(
      (request) => {
        if (!this.#over) this.#send(request, mayRefuse);
      },
      (thrown: unknown) => {
        if (!this.#over) this.#sink.onFault(faultFrom(thrown));
      },
    );
  }

  /** @param mayRefuse Is a refusal not the answer yet? */
  #send(request: UpstreamRequest, mayRefuse: boolean): void {
    const sink = this.#sink;
    this.#call = this.#parts.upstream.start(request, {
      onInterim: (status, headers) => sink.onInterim?.(status, headers),
      onHead: (status, headers) => {
        if (status === 401 && mayRefuse && this.#signsAgain(request)) return;
        sink.onHead(status, headers);
      },
      onData: (chunk) => sink.onData(chunk),
      onEnd: (trailers) => sink.onEnd(trailers),
      onFault: (fault) => sink.onFault(fault),
      onUpgrade: (headers, socket, firstBytes) => {
        if (sink.onUpgrade) sink.onUpgrade(headers, socket, firstBytes);
        else socket.destroy();
      },
    });
    if (this.#isPaused) this.#call.pause();
  }

  #signsAgain(request: UpstreamRequest): boolean {
    const signing = this.#parts.sign.again?.(request) ?? null;
    if (signing === null) return false;
    if (request.body !== null && !Buffer.isBuffer(request.body)) {
      // The next request has it.
      signing.catch(() => undefined);
      return false;
    }
    this.#call!.cancel();
    this.#call = null;
    this.#sendWith(signing, false);
    return true;
  }
}
