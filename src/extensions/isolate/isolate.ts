import { Worker } from 'node:worker_threads';
import { Fault } from '#core/fault.ts';
import type { PolicySources } from '#core/policy-files.ts';
import type { Effects, FromIsolate, IsolatedCall, IsolateStart } from './protocol.ts';

/** For the thread to start and load the policy's code. */
const startWithinMs = 20_000;
/** Beyond the policy's own deadline, which the thread holds it to itself unless it loops. */
const graceMs = 250;
const mostWaiting = 1000;

interface Waiting {
  readonly call: IsolatedCall;
  resolve(effects: Effects): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout | null;
}

interface Thread {
  readonly worker: Worker;
  /** The last call that it has begun with. */
  readonly begun: Int32Array;
  isReady: boolean;
}

export interface IsolateParts {
  readonly sources: PolicySources;
  /** The policy's, below the folder. */
  readonly file: string;
  readonly timeoutMs: number;
  said(message: Extract<FromIsolate, { type: 'said' }>): void;
}

/**
 * The thread of an isolated policy. One that does not answer is ended: calls that it has begun with fail, and those that waited behind
 * them are a new thread's.
 */
export class Isolate {
  readonly #parts: IsolateParts;
  /** In the order of their numbers. */
  readonly #waiting = new Map<number, Waiting>();
  #nextAsk = 1;
  #thread: Thread | null;

  constructor(parts: IsolateParts) {
    this.#parts = parts;
    this.#thread = this.#open();
  }

  /** @throws Fault `policy/refused`; Error when it fails, or does not answer. */
  call(call: Omit<IsolatedCall, 'ask'>): Promise<Effects> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.size >= mostWaiting)
        return reject(new Error(`${mostWaiting} calls wait for its thread`));
      const ask = this.#nextAsk++;
      const waiting: Waiting = { call: { ...call, ask }, resolve, reject, timer: null };
      this.#waiting.set(ask, waiting);
      this.#thread ??= this.#open();
      if (this.#thread.isReady) this.#send(this.#thread, waiting);
    });
  }

  close(): void {
    if (this.#thread) this.#end(this.#thread, 'the gateway ends');
  }

  #open(): Thread {
    const { sources, file } = this.#parts;
    const begun = new Int32Array(new SharedArrayBuffer(4));
    const entry = import.meta.filename.endsWith('.ts') ? './isolate-thread.ts' : './isolate-thread.js';
    const worker = new Worker(new URL(entry, import.meta.url), {
      workerData: { sources, file, begun } satisfies IsolateStart,
      name: `sluice-policy-${file}`,
    });
    // It must not keep the thread that it works for from ending.
    worker.unref();
    const thread: Thread = { worker, begun, isReady: false };
    const late = setTimeout(() => this.#end(thread, 'its thread did not start'), startWithinMs).unref();
    worker.on('message', (message: FromIsolate) => {
      if (message.type !== 'ready') return this.#hear(message);
      clearTimeout(late);
      thread.isReady = true;
      for (const waiting of this.#waiting.values()) this.#send(thread, waiting);
    });
    worker.on('error', (error: Error) => this.#end(thread, error.message));
    worker.on('exit', () => {
      clearTimeout(late);
      this.#end(thread, 'its thread ended');
    });
    return thread;
  }

  #send(thread: Thread, waiting: Waiting): void {
    const { timeoutMs } = this.#parts;
    const why = `its thread did not answer within ${timeoutMs} ms, and was ended`;
    waiting.timer = setTimeout(() => this.#end(thread, why), timeoutMs + graceMs);
    thread.worker.postMessage(waiting.call);
  }

  #hear(message: Exclude<FromIsolate, { type: 'ready' }>): void {
    if (message.type === 'said') return this.#parts.said(message);
    const waiting = this.#take(message.ask);
    if (!waiting) return;
    if (message.type === 'effects') return waiting.resolve(message.effects);
    if (message.type === 'refused') {
      const { code, message: why, ...details } = message.refusal;
      return waiting.reject(new Fault('policy/refused', why, { ...details, upstreamCode: code }));
    }
    waiting.reject(Object.assign(new Error(message.message), { stack: message.stack }));
  }

  #take(ask: number): Waiting | undefined {
    const waiting = this.#waiting.get(ask);
    this.#waiting.delete(ask);
    if (waiting?.timer) clearTimeout(waiting.timer);
    return waiting;
  }

  #end(thread: Thread, why: string): void {
    if (this.#thread !== thread) return;
    this.#thread = null;
    void thread.worker.terminate();
    // One that has never run would not do so the next time either.
    const lost = thread.isReady ? Atomics.load(thread.begun, 0) : Infinity;
    for (const ask of this.#waiting.keys()) if (ask <= lost) this.#take(ask)!.reject(new Error(why));
    for (const { timer } of this.#waiting.values()) if (timer) clearTimeout(timer);
    if (this.#waiting.size > 0) this.#thread = this.#open();
  }
}
