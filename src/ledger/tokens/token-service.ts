import { extname } from 'node:path';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';

export interface CountCall {
  readonly id: number;
  readonly texts: readonly string[];
}

/** `tokens` is null when nobody could count. */
export interface CountAnswer {
  readonly id: number;
  readonly tokens: readonly number[] | null;
}

export interface TokenServiceOptions {
  /** The thread is ended after so long without work, and with it the vocabulary's memory. */
  readonly idleMs?: number;
  /** A thread that has answered nothing for so long while it had work is ended. */
  readonly stuckMs?: number;
}

export interface TokenService {
  /** A port for one thread of the data plane: transfer it there and give it to `connectTokenCounter`. */
  openPort(): MessagePort;
  /** Is the thread up? */
  isCounting(): boolean;
  close(): Promise<void>;
}

interface Waiting {
  readonly port: MessagePort;
  readonly id: number;
}

/**
 * Counts tokens for the whole process on one thread (the vocabulary takes tens of megabytes), which is started by the
 * first count and ended when there is nothing to do. For the main thread, which passes the texts on.
 */
export function openTokenService(options: TokenServiceOptions = {}): TokenService {
  return new LazyTokenService(options);
}

class LazyTokenService implements TokenService {
  readonly #idleMs: number;
  readonly #stuckMs: number;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ports = new Set<MessagePort>();
  #thread: Worker | null = null;
  #timer: NodeJS.Timeout | undefined;
  #next = 0;

  constructor(options: TokenServiceOptions) {
    this.#idleMs = options.idleMs ?? 60_000;
    this.#stuckMs = options.stuckMs ?? 5_000;
  }

  openPort(): MessagePort {
    const { port1: here, port2: there } = new MessageChannel();
    here.on('message', (call: CountCall) => this.#pass(here, call));
    here.on('close', () => this.#ports.delete(here));
    here.unref();
    this.#ports.add(here);
    return there;
  }

  isCounting(): boolean {
    return this.#thread !== null;
  }

  async close(): Promise<void> {
    for (const port of this.#ports) port.close();
    await this.#end();
  }

  #pass(port: MessagePort, call: CountCall): void {
    this.#thread ??= this.#start();
    const id = this.#next;
    this.#next += 1;
    if (this.#waiting.size === 0) this.#watch(this.#stuckMs);
    this.#waiting.set(id, { port, id: call.id });
    this.#thread.postMessage({ id, texts: call.texts } satisfies CountCall);
  }

  #start(): Worker {
    // The same name, as source or compiled.
    const entry = new URL(`./counting-thread${extname(import.meta.url)}`, import.meta.url);
    const thread = new Worker(entry, { name: 'tokens' });
    thread.unref();
    thread.on('message', (answer: CountAnswer) => this.#answer(answer));
    // An error is followed by the exit; whoever waits then estimates.
    thread.on('error', () => undefined);
    thread.on('exit', () => {
      if (this.#thread === thread) this.#giveUp();
    });
    return thread;
  }

  #answer({ id, tokens }: CountAnswer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.port.postMessage({ id: waiting.id, tokens } satisfies CountAnswer);
    this.#watch(this.#waiting.size === 0 ? this.#idleMs : this.#stuckMs);
  }

  #watch(afterMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#end(), afterMs).unref();
  }

  async #end(): Promise<void> {
    const thread = this.#thread;
    this.#giveUp();
    await thread?.terminate();
  }

  #giveUp(): void {
    clearTimeout(this.#timer);
    this.#thread = null;
    for (const { port, id } of this.#waiting.values()) port.postMessage({ id, tokens: null });
    this.#waiting.clear();
  }
}
