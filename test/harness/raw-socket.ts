import { connect } from 'node:net';

export interface RawAnswer {
  /** All bytes until the connection closed or nothing came for a while, as latin1. */
  readonly text: string;
  readonly status: number;
  readonly closed: boolean;
}

/** Sends bytes as they are and collects what comes back. */
export function sendRaw(port: number, bytes: string | Buffer, quietMs = 400): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    let timer: NodeJS.Timeout | undefined;
    const finish = (closed: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, closed, status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0) });
    };
    const wait = (ms: number) => {
      clearTimeout(timer);
      timer = setTimeout(() => finish(false), ms);
    };
    socket.on('connect', () => {
      socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
      wait(10_000);
    });
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      wait(quietMs);
    });
    socket.on('close', () => finish(true));
    socket.on('error', (error) => (text === '' ? reject(error) : finish(true)));
  });
}

export interface Flood {
  /** Bytes that the other side, and what lies between, took before it closed or the end of the flood. */
  readonly taken: number;
  readonly status: number;
  readonly closed: boolean;
}

/** Sends `begin` and then `piece` over and over, as fast as they are taken, until the connection ends or `mostBytes`. */
export function flood(
  port: number,
  { begin, piece, mostBytes }: { begin: string; piece: string; mostBytes: number },
): Promise<Flood> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const bytes = Buffer.from(piece, 'latin1');
    let text = '';
    const finish = (closed: boolean) => {
      socket.destroy();
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
      resolve({ taken: socket.bytesWritten - socket.writableLength, closed, status });
    };
    const pour = () => {
      while (socket.bytesWritten < mostBytes) if (!socket.write(bytes)) return;
      finish(false);
    };
    socket.on('connect', () => {
      socket.write(Buffer.from(begin, 'latin1'));
      pour();
    });
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('drain', pour).on('error', () => {});
    socket.on('close', () => finish(true));
  });
}
