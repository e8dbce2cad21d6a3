import type { MessagePort } from 'node:worker_threads';
import type { Question, Reply, Word } from './question.ts';

export interface Answerer {
  /** An answer, or a promise of one. @throws Error that the asker is told. */
  answer(ask: unknown, asker: number): unknown;
  gone?(asker: number): void;
  close(): void | Promise<void>;
}

/** Answers a service's questions on its thread: one after the other, where their answers are no promises. */
export function serveQuestions(port: MessagePort, answerer: Answerer): void {
  const tell = (reply: Reply): void => port.postMessage(reply);
  port.on('message', (message: Question | Word) => {
    if (message === 'close') return end(port, answerer);
    if ('gone' in message) return answerer.gone?.(message.gone);
    const { number, ask, asker } = message;
    const fail = (error: unknown): void => tell({ number, error: (error as Error).message, answer: null });
    try {
      const answer = answerer.answer(ask, asker);
      if (answer instanceof Promise)
        answer.then((given) => tell({ number, error: null, answer: given }), fail);
      else tell({ number, error: null, answer });
    } catch (error) {
      fail(error);
    }
  });
}

function end(port: MessagePort, answerer: Answerer): void {
  const closing = answerer.close();
  if (closing instanceof Promise) void closing.finally(() => port.close());
  else port.close();
}
