import type { RawSocket } from '#core/contracts/upstream.ts';

interface End {
  readonly socket: RawSocket;
  readonly firstBytes: Buffer;
}

/** Joins two connections: bytes flow both ways at the pace of the slower, and when one ends so does the other. */
export function joinSockets(a: End, b: End, onClosed: () => void): void {
  let open = 2;
  const closed = () => {
    if (--open === 0) onClosed();
  };
  connect(a, b, closed);
  connect(b, a, closed);
  a.socket.resume();
  b.socket.resume();
}

function connect(from: End, to: End, closed: () => void): void {
  if (from.firstBytes.length) to.socket.write(from.firstBytes);
  from.socket.on('data', (chunk) => {
    if (!to.socket.write(chunk)) from.socket.pause();
  });
  to.socket.on('drain', () => from.socket.resume());
  from.socket.on('end', () => to.socket.end());
  from.socket.on('error', () => {});
  from.socket.on('close', () => {
    to.socket.end();
    // A peer that does not answer an end with an end is not waited for.
    setTimeout(() => to.socket.destroy(), 1000).unref();
    closed();
  });
}
