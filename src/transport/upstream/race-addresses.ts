import { connect, type OnReadOpts, type Socket } from 'node:net';

/** RFC 8305 §5. */
const staggerMs = 250;

export interface Race {
  readonly addresses: readonly string[];
  readonly port: number;
  /** Where reads go, instead of 'data' events. */
  readonly onread: OnReadOpts | null;
  onConnected(socket: Socket): void;
  /** No address answered: the error is that of the first that failed. */
  onFailed(error: Error): void;
}

/**
 * Happy eyeballs: tries one address after the other, each as soon as the one before has failed or 250 ms have passed, and
 * takes the first that connects. Unlike `autoSelectFamily` of node:net it lets the earlier attempts run on, so that a far
 * host is reached even where every connection takes longer than that. Calls back asynchronously; the returned function
 * ends the race.
 */
export function raceAddresses(race: Race): () => void {
  const running = new Set<Socket>();
  let next = 0;
  let firstError: Error | null = null;
  let timer: NodeJS.Timeout | null = null;

  const stop = () => {
    if (timer) clearTimeout(timer);
    timer = null;
    for (const socket of running) socket.destroy();
    running.clear();
  };

  const tryNext = () => {
    if (timer) clearTimeout(timer);
    timer = null;
    const host = race.addresses[next++];
    if (host === undefined) return;
    const { port, onread } = race;
    const socket = connect({ host, port, noDelay: true, keepAlive: true, ...(onread ? { onread } : {}) });
    running.add(socket);
    const onError = (error: Error) => {
      if (!running.delete(socket)) return;
      firstError ??= error;
      if (next < race.addresses.length) tryNext();
      else if (running.size === 0) race.onFailed(firstError);
    };
    socket.on('error', onError);
    socket.once('connect', () => {
      if (!running.delete(socket)) return;
      stop();
      socket.off('error', onError);
      race.onConnected(socket);
    });
    if (next < race.addresses.length) timer = setTimeout(tryNext, staggerMs);
  };

  tryNext();
  return stop;
}
