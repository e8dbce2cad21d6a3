import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import type { KeeperCall, KeeperReply } from './protocol.ts';

/** The record of kept things for the whole process. For the main thread, which passes questions on. */
export interface KeeperService {
  /** A port for one thread of the data plane: transfer it there and give it to `connectKeeper`. */
  openPort(): MessagePort;
  /** What was asked before is answered, then the thread ends. */
  close(): Promise<void>;
}

const nothingOwed = { error: null, things: [], obligations: { due: [], open: 0 } };

interface Waiting {
  readonly port: MessagePort;
  readonly number: number;
}

/** @param path Of the database; its thread starts with the first question. */
export function openKeeperService(path: string): KeeperService {
  return new ThreadedKeeper(path);
}

class ThreadedKeeper implements KeeperService {
  readonly #path: string;
  readonly #ports = new Set<MessagePort>();
  readonly #waiting = new Map<number, Waiting>();
  #thread: Worker | null = null;
  #failure = '';
  #next = 0;

  constructor(path: string) {
    this.#path = path;
  }

  openPort(): MessagePort {
    const { port1: here, port2: there } = new MessageChannel();
    here.on('message', (call: KeeperCall) => this.#pass(here, call));
    here.on('close', () => this.#ports.delete(here));
    here.unref();
    this.#ports.add(here);
    return there;
  }

  async close(): Promise<void> {
    for (const port of this.#ports) port.close();
    const thread = this.#thread;
    if (!thread) return;
    const gone = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
    thread.postMessage('close');
    await gone;
  }

  #pass(port: MessagePort, { number, ask }: KeeperCall): void {
    // Nothing was ever kept, so nothing is owed: no thread is needed to say so.
    if (ask.type === 'due' && !this.#thread && !existsSync(this.#path))
      return port.postMessage({ ...nothingOwed, number } satisfies KeeperReply);
    this.#thread ??= this.#start();
    this.#next += 1;
    this.#waiting.set(this.#next, { port, number });
    this.#thread.postMessage({ number: this.#next, ask } satisfies KeeperCall);
  }

  #start(): Worker {
    // The same name, as source or compiled.
    const entry = new URL(`./keeper-thread${extname(import.meta.url)}`, import.meta.url);
    const thread = new Worker(entry, { name: 'keeper', workerData: { path: this.#path } });
    thread.unref();
    thread.on('message', (reply: KeeperReply) => this.#reply(reply));
    thread.on('error', (error: Error) => (this.#failure = error.message));
    // Whoever waits is told; the next question starts it anew.
    thread.on('exit', () => {
      this.#thread = null;
      const error = this.#failure || 'its thread has ended';
      for (const number of [...this.#waiting.keys()]) this.#reply({ number, error, things: [] });
    });
    return thread;
  }

  #reply({ number, ...reply }: KeeperReply): void {
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    waiting?.port.postMessage({ number: waiting.number, ...reply } satisfies KeeperReply);
  }
}
