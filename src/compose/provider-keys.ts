import type { Clock } from '#core/contracts/clock.ts';
import type { Upstream, UpstreamCall, UpstreamRequest, UpstreamSink } from '#core/contracts/upstream.ts';
import type { Provider } from '#core/target.ts';
import type { MetricJson } from '#observe/series.ts';

/** A key that its provider has refused is tried again after this. */
const restMs = 5 * 60_000;

/** Which keys of providers were refused, as far as this thread has seen. A key is told of by its place, from 1. */
export class ProviderKeys {
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #say: (line: string) => void;
  readonly #refusals = new Map<string, { readonly provider: string; readonly key: number; count: number }>();

  constructor(clock: Pick<Clock, 'nowMs'>, say: (line: string) => void) {
    this.#clock = clock;
    this.#say = say;
  }

  /** The upstream of a provider that has more than one key: calls are made with the first that it takes. */
  over(upstream: Upstream, provider: Provider): Upstream {
    const { credential, secret, moreSecrets = [] } = provider;
    if (!credential || secret === null || moreSecrets.length === 0) return upstream;
    const values = [secret, ...moreSecrets].map((each) => credential.prefix + each);
    const marks = new Marks(values.length, this.#clock);
    const refused = (key: number) => {
      if (marks.mark(key)) this.#tell(provider.name, key + 1);
    };
    return {
      start: (request, sink) =>
        new KeyedCall({ upstream, request, sink, header: credential.header, values, marks, refused }).start(),
      stats: () => upstream.stats(),
      close: () => upstream.close(),
    };
  }

  dump(): MetricJson[] {
    return [
      {
        name: 'sluice_provider_key_refusals_total',
        help: 'Times that a provider refused one of its several keys (401), and the next one was used; keys by their place.',
        type: 'counter',
        aggregator: 'sum',
        values: [...this.#refusals.values()].map(({ provider, key, count }) => ({
          labels: { provider, key },
          value: count,
        })),
      },
    ];
  }

  #tell(provider: string, key: number): void {
    const name = `${provider} ${key}`;
    const known = this.#refusals.get(name) ?? { provider, key, count: 0 };
    known.count += 1;
    this.#refusals.set(name, known);
    this.#say(`provider ${provider}: it refuses key ${key} (401); the next one is used`);
  }
}

class Marks {
  readonly #untilMs: number[];
  readonly #clock: Pick<Clock, 'nowMs'>;

  constructor(count: number, clock: Pick<Clock, 'nowMs'>) {
    this.#untilMs = new Array<number>(count).fill(0);
    this.#clock = clock;
  }

  /** The first that was not refused lately, but for `not`; -1: there is none. */
  next(not: ReadonlySet<number>): number {
    const nowMs = this.#clock.nowMs();
    return this.#untilMs.findIndex((untilMs, key) => untilMs <= nowMs && !not.has(key));
  }

  /** False: that was known. */
  mark(key: number): boolean {
    const nowMs = this.#clock.nowMs();
    if (this.#untilMs[key]! > nowMs) return false;
    this.#untilMs[key] = nowMs + restMs;
    return true;
  }
}

interface KeyedParts {
  readonly upstream: Upstream;
  readonly request: UpstreamRequest;
  readonly sink: UpstreamSink;
  /** Of the credential, and its values by key. */
  readonly header: string;
  readonly values: readonly string[];
  readonly marks: Marks;
  refused(key: number): void;
}

/** One request with one key after the other, until one is taken. What was refused for its key was not begun. */
class KeyedCall implements UpstreamCall {
  readonly #parts: KeyedParts;
  readonly #tried = new Set<number>();
  #call: UpstreamCall | null = null;
  #isPaused = false;

  constructor(parts: KeyedParts) {
    this.#parts = parts;
  }

  start(): this {
    // All refused: as if none were, so that the caller hears what the provider says.
    this.#send(Math.max(0, this.#parts.marks.next(this.#tried)));
    return this;
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
    this.#call?.cancel();
  }

  #send(key: number): void {
    const { upstream, request, sink, header, values } = this.#parts;
    this.#tried.add(key);
    // One that the route or a policy has put there instead is left alone.
    const headers = request.headers.map((value, i) =>
      i % 2 === 1 && request.headers[i - 1] === header && values.includes(value) ? values[key]! : value,
    );
    let isOver = false;
    const own: UpstreamSink = {
      ...(sink.onInterim ? { onInterim: (status, fields) => sink.onInterim!(status, fields) } : {}),
      ...(sink.onUpgrade
        ? { onUpgrade: (fields, socket, bytes) => sink.onUpgrade!(fields, socket, bytes) }
        : {}),
      onHead: (status, fields) => {
        const next = status === 401 ? this.#after(key) : -1;
        if (next < 0) return sink.onHead(status, fields);
        isOver = true;
        const call = this.#call;
        this.#send(next);
        call?.cancel();
      },
      onData(chunk) {
        if (!isOver) sink.onData(chunk);
      },
      onEnd(trailers) {
        if (!isOver) sink.onEnd(trailers);
      },
      onFault(fault) {
        if (!isOver) sink.onFault(fault);
      },
    };
    this.#call = upstream.start({ ...request, headers }, own);
    if (this.#isPaused) this.#call.pause();
  }

  /** The key to go on with. -1: there is none, or what was sent cannot be sent again. */
  #after(key: number): number {
    const { marks, refused, request } = this.#parts;
    refused(key);
    const canRepeat = request.body === null || Buffer.isBuffer(request.body);
    return canRepeat ? marks.next(this.#tried) : -1;
  }
}
