import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from './children.ts';

/** A port nobody listens on now. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * Waits until `isReady` says so.
 * @throws Error with what the process said, when it ends or the time is over.
 */
export async function waitUntilReady(
  child: Child,
  isReady: () => Promise<boolean>,
  withinMs = 60_000,
): Promise<void> {
  const words = keepWords(child);
  const deadline = performance.now() + withinMs;
  while (!(await isReady())) {
    const ended = child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
    if (ended || performance.now() > deadline) {
      await sleep(50);
      throw new Error(
        `${child.spawnargs.join(' ')} ${ended ? 'ended' : 'is not ready'}:\n${words().slice(-4000)}`,
      );
    }
    await sleep(50);
  }
}

export async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Reads on for as long as the process lives, or a full pipe would stop it. */
function keepWords(child: Child): () => string {
  let words = '';
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding('utf8').on('data', (piece: string) => {
      words = (words + piece).slice(-20_000);
    });
  }
  return () => words;
}
