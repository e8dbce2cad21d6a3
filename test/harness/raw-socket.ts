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
