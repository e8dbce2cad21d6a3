import { parentPort } from 'node:worker_threads';
import { countText } from './count-text.ts';
import type { CountAnswer, CountCall } from './token-service.ts';

const port = parentPort!;

port.on('message', ({ id, texts }: CountCall) => {
  const answer: CountAnswer = { id, tokens: texts.map(countText) };
  port.postMessage(answer);
});
