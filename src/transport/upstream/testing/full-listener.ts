import { once } from 'node:events';
import { connect } from 'node:net';
import type { TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';

/** Listens, and never accepts: its thread is blocked. */
const listening = `
const { parentPort } = require('node:worker_threads');
const server = require('node:net').createServer();
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  parentPort.postMessage(server.address().port);
  setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
});`;

/**
 * The port of a listener whose queue is full, so that the kernel leaves further connection requests unanswered, as a host
 * behind a silent firewall does (Linux: a backlog of 1 holds two connections).
 */
export async function fullListener(t: TestContext): Promise<number> {
  const worker = new Worker(listening, { eval: true });
  const [port] = (await once(worker, 'message')) as [number];
  const fillers = [0, 1].map(() => connect(port, '127.0.0.1').on('error', () => {}));
  t.after(async () => {
    for (const filler of fillers) filler.destroy();
    await worker.terminate();
  });
  await Promise.all(fillers.map((filler) => once(filler, 'connect')));
  return port;
}
