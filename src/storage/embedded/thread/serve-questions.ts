import type { MessagePort } from 'node:worker_threads';
import type { Question, Reply, Word } from './question.ts';

export interface Answerer {
  /** @throws Error that the asker is told. */
  answer(ask: unknown, asker: number): unknown;
  gone?(asker: number): void;
  close(): void;
}

/** Answers a service's questions, one after the other, on its thread. */
export function serveQuestions(port: MessagePort, answerer: Answerer): void {
  port.on('message', (message: Question | Word) => {
    if (message === 'close') {
      answerer.close();
      port.close();
      return;
    }
    if ('gone' in message) return answerer.gone?.(message.gone);
    const { number, ask, asker } = message;
    let reply: Reply;
    try {
      reply = { number, error: null, answer: answerer.answer(ask, asker) };
    } catch (error) {
      reply = { number, error: (error as Error).message, answer: null };
    }
    port.postMessage(reply);
  });
}
