import { Worker } from 'node:worker_threads';
import { Fault } from '#core/fault.ts';
import type { Effects, FromIsolate, IsolatedCall, IsolateStart } from './protocol.ts';

/** For the thread to start and load the policy's code. */
const startWithinMs = 20_000;
/** Beyond the policy's own deadline, which the thread holds it to itself unless it loops. */
const graceMs = 250;
const mostWaiting = 1000;

interface Waiting {
  resolve(effects: Effects): void;
  reject(error: Error): void;
  readonly timer: NodeJS.Timeout;
}

export interface IsolateParts {
  readonly start: IsolateStart;
  readonly timeoutMs: number;
  said(message: Extract<FromIsolate, { type: 'said' }>): void;
}

/** The thread of an isolated policy. One that does not answer is ended, and the next call has a new one. */
export class Isolate {
  readonly #parts: IsolateParts;
  readonly #waiting = new Map<number, Waiting>();
  #nextAsk = 0;
  #thread: { readonly worker: Worker; readonly ready: Promise<void> } | null = null;

  constructor(parts: IsolateParts) {
    this.#parts = parts;
    this.#open();
  }

  /** @throws Fault `policy/refused`; Error when it fails, or does not answer. */
  async call(call: Omit<IsolatedCall, 'ask'>): Promise<Effects> {
    if (this.#waiting.size >= mostWaiting) throw new Error(`${mostWaiting} calls wait for its thread`);
    const { worker, ready } = this.#thread ?? this.#open();
    await ready;
    return new Promise((resolve, reject) => {
      const ask = this.#nextAsk++;
      const { timeoutMs } = this.#parts;
      const timer = setTimeout(() => {
        this.#end(worker, `its thread did not answer within ${timeoutMs} ms, and was ended`);
      }, timeoutMs + graceMs);
      this.#waiting.set(ask, { resolve, reject, timer });
      worker.postMessage({ ...call, ask } satisfies IsolatedCall);
    });
  }

  close(): void {
    if (this.#thread) this.#end(this.#thread.worker, 'the gateway ends');
  }

  #open() {
    const entry = import.meta.filename.endsWith('.ts') ? './isolate-thread.ts' : './isolate-thread.js';
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const worker = new Worker(new URL(entry, import.meta.url), {
      workerData: this.#parts.start,
      name: `sluice-policy-${this.#parts.start.file}`,
    });
    // It must not keep the thread that it works for from ending.
    worker.unref();
    const late = setTimeout(() => this.#end(worker, 'its thread did not start'), startWithinMs);
    worker.on('message', (message: FromIsolate) => {
      if (message.type === 'ready') {
        clearTimeout(late);
        resolve();
      } else this.#hear(message);
    });
    worker.on('error', (error) => this.#end(worker, error.message));
    worker.on('exit', () => {
      clearTimeout(late);
      reject(new Error('its thread ended before it was ready'));
      this.#end(worker, 'its thread ended');
    });
    // Whoever calls hears of it; nobody else needs to.
    promise.catch(() => {});
    return (this.#thread = { worker, ready: promise });
  }

  #hear(message: Exclude<FromIsolate, { type: 'ready' }>): void {
    if (message.type === 'said') return this.#parts.said(message);
    const waiting = this.#waiting.get(message.ask);
    if (!waiting) return;
    this.#waiting.delete(message.ask);
    clearTimeout(waiting.timer);
    if (message.type === 'effects') return waiting.resolve(message.effects);
    if (message.type === 'refused') {
      const { code, message: why, ...details } = message.refusal;
      return waiting.reject(new Fault('policy/refused', why, { ...details, upstreamCode: code }));
    }
    waiting.reject(Object.assign(new Error(message.message), { stack: message.stack }));
  }

  #end(worker: Worker, why: string): void {
    if (this.#thread?.worker !== worker) return;
    this.#thread = null;
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new Error(why));
    }
    this.#waiting.clear();
    void worker.terminate();
  }
}
