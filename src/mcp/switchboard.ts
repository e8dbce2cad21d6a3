import { randomBytes } from 'node:crypto';
import { BroadcastChannel } from 'node:worker_threads';
import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';

/** So long a thread may take to say that it has heard. */
const hearingMs = 3000;

/** What a thread does for another one: may say things on the way, and gives its last word. */
export type Serve = (
  body: JsonObject,
  line: { readonly signal: AbortSignal; say(word: JsonObject): void },
) => Promise<JsonObject>;

interface Waiting {
  say(word: JsonObject): void;
  heard(): void;
  done(word: JsonObject): void;
}

/**
 * Threads of a process hand each other what belongs to calls that another one holds: the kernel spreads connections over threads, and
 * what a client says to a suspended call comes by another connection.
 */
export class Switchboard {
  /** Names this thread, in all of its process's lives. */
  readonly home = randomBytes(9).toString('base64url');
  readonly #name: string;
  readonly #office: string | null;
  #channel: BroadcastChannel | null = null;
  readonly #serving = new Map<string, Serve>();
  readonly #hearing = new Map<string, (body: JsonObject) => void>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #running = new Map<string, AbortController>();
  #asked = 0;

  /**
   * @param name Of the process's own threads, and no others'.
   * @param office What else this thread is called, and no other one; null: nothing.
   */
  constructor(name: string, office: string | null) {
    this.#name = name;
    this.#office = office;
  }

  /** Where it is of no use nobody listens. */
  open(): void {
    if (this.#channel) return;
    const channel = new BroadcastChannel(this.#name);
    channel.onmessage = (event) => this.#take((event as MessageEvent).data);
    channel.unref();
    this.#channel = channel;
  }

  serve(kind: string, serve: Serve): void {
    this.#serving.set(kind, serve);
  }

  /** What all threads are told, this one by its own hand. */
  hear(kind: string, hear: (body: JsonObject) => void): void {
    this.#hearing.set(kind, hear);
  }

  tell(kind: string, body: JsonObject): void {
    this.#hearing.get(kind)?.(body);
    this.#channel?.postMessage({ tell: kind, body });
  }

  /** Asks the thread of that name; null: there is none in this process. */
  async ask(
    home: string,
    { kind, body }: { readonly kind: string; readonly body: JsonObject },
    line: { readonly signal: AbortSignal; say(word: JsonObject): void },
  ): Promise<JsonObject | null> {
    if (home === this.home || home === this.#office) return this.#serving.get(kind)!(body, line);
    const ask = `${this.home}/${++this.#asked}`;
    const channel = this.#channel;
    if (!channel) return null;
    return new Promise((resolve) => {
      const done = (word: JsonObject | null) => {
        clearTimeout(timer);
        this.#waiting.delete(ask);
        line.signal.removeEventListener('abort', abort);
        resolve(word);
      };
      const timer = setTimeout(() => done(null), hearingMs);
      const abort = () => {
        channel.postMessage({ to: home, abort: ask });
        // The thread may be gone as well.
        done(null);
      };
      line.signal.addEventListener('abort', abort);
      this.#waiting.set(ask, { say: line.say, heard: () => clearTimeout(timer), done });
      channel.postMessage({ to: home, from: this.home, ask, kind, body });
    });
  }

  close(): void {
    this.#channel?.close();
    this.#channel = null;
  }

  #take(data: unknown): void {
    if (!isObject(data)) return;
    const { to, tell, body } = data as { to?: string; tell?: string; body: JsonObject };
    if (tell !== undefined) return this.#hearing.get(tell)?.(body);
    if (to !== this.home && to !== this.#office) return;
    const { re, abort } = data as { re?: string; abort?: string };
    if (abort !== undefined) return this.#running.get(abort)?.abort();
    if (re === undefined) return void this.#answer(data as never);
    const waiting = this.#waiting.get(re);
    const { say, done } = data as { say?: JsonObject; done?: JsonObject };
    if (done) waiting?.done(done);
    else if (say) waiting?.say(say);
    else waiting?.heard();
  }

  async #answer(data: {
    readonly from: string;
    readonly ask: string;
    readonly kind: string;
    readonly body: JsonObject;
  }): Promise<void> {
    const { from, ask, kind, body } = data;
    const reply = (word: object) => this.#channel?.postMessage({ to: from, re: ask, ...word });
    const serve = this.#serving.get(kind);
    if (!serve) return;
    reply({});
    const abort = new AbortController();
    this.#running.set(ask, abort);
    const done = await serve(body, { signal: abort.signal, say: (say) => reply({ say }) });
    this.#running.delete(ask);
    reply({ done });
  }
}
