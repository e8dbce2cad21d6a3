import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import type { Question, Reply, Word } from './question.ts';

/** One thread that answers for the whole process. For the main thread, which passes questions on. */
export interface ThreadService {
  /** A port for one thread of the data plane: transfer it there and give it to `askThread`. */
  openPort(): MessagePort;
  /** What was asked before is answered, then the thread ends. */
  close(): Promise<void>;
}

export interface ThreadSettings {
  readonly name: string;
  /** Its module. */
  readonly entry: URL;
  readonly workerData: unknown;
  /** What can be said while there is no thread, without starting one; undefined: nothing. */
  withoutThread?(ask: unknown): unknown;
}

interface Waiting {
  readonly port: MessagePort;
  readonly number: number;
}

/** Its thread starts with the first question. */
export function openThreadService(settings: ThreadSettings): ThreadService {
  return new LazyThread(settings);
}

class LazyThread implements ThreadService {
  readonly #settings: ThreadSettings;
  readonly #ports = new Set<MessagePort>();
  readonly #waiting = new Map<number, Waiting>();
  #thread: Worker | null = null;
  #failure = '';
  #next = 0;
  #askers = 0;

  constructor(settings: ThreadSettings) {
    this.#settings = settings;
  }

  openPort(): MessagePort {
    const { port1: here, port2: there } = new MessageChannel();
    const asker = ++this.#askers;
    here.on('message', (question: Question) => this.#pass(here, { ...question, asker }));
    here.on('close', () => {
      this.#ports.delete(here);
      this.#thread?.postMessage({ gone: asker } satisfies Word);
    });
    here.unref();
    this.#ports.add(here);
    return there;
  }

  async close(): Promise<void> {
    for (const port of this.#ports) port.close();
    const thread = this.#thread;
    if (!thread) return;
    const gone = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
    // Somebody waits for its end now, who may be all that there is.
    thread.ref();
    thread.postMessage('close' satisfies Word);
    await gone;
  }

  #pass(port: MessagePort, question: Question): void {
    if (!this.#thread) {
      const answer = this.#settings.withoutThread?.(question.ask);
      if (answer !== undefined)
        return port.postMessage({ number: question.number, error: null, answer } satisfies Reply);
    }
    this.#thread ??= this.#start();
    this.#next += 1;
    this.#waiting.set(this.#next, { port, number: question.number });
    this.#thread.postMessage({ ...question, number: this.#next } satisfies Question);
  }

  #start(): Worker {
    const { name, entry, workerData } = this.#settings;
    const thread = new Worker(entry, { name, workerData });
    thread.unref();
    thread.on('message', (reply: Reply) => this.#reply(reply));
    thread.on('error', (error: Error) => (this.#failure = error.message));
    // Whoever waits is told; the next question starts it anew.
    thread.on('exit', () => {
      this.#thread = null;
      const error = this.#failure || 'its thread has ended';
      for (const number of [...this.#waiting.keys()]) this.#reply({ number, error, answer: null });
    });
    return thread;
  }

  #reply({ number, ...reply }: Reply): void {
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    waiting?.port.postMessage({ number: waiting.number, ...reply } satisfies Reply);
  }
}
