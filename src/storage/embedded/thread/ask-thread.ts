import type { MessagePort } from 'node:worker_threads';
import type { Question, Reply } from './question.ts';

/** Nobody waits longer for a store. */
const deadlineMs = 10_000;

/**
 * Asks a service's thread over one of its ports. Rejects with an Error that begins with `what` when it fails or no answer comes in
 * time.
 */
export function askThread<Ask, Answer>(port: MessagePort, what: string): (ask: Ask) => Promise<Answer> {
  const open = new Map<number, (reply: Pick<Reply, 'error' | 'answer'>) => void>();
  let next = 0;
  port.on('message', (reply: Reply) => open.get(reply.number)?.(reply));
  port.on('close', () => {
    for (const settle of [...open.values()]) settle({ error: 'the gateway is ending', answer: null });
  });
  port.unref();
  return (ask) => {
    const number = next;
    next += 1;
    return new Promise((resolve, reject) => {
      const settle = ({ error, answer }: Pick<Reply, 'error' | 'answer'>): void => {
        clearTimeout(timer);
        open.delete(number);
        if (error === null) resolve(answer as Answer);
        else reject(new Error(`${what}: ${error}`));
      };
      const timer = setTimeout(settle, deadlineMs, { error: 'no answer came in time', answer: null });
      open.set(number, settle);
      port.postMessage({ number, asker: 0, ask } satisfies Question);
    });
  };
}
