import { isIPv6, type Socket } from 'node:net';
import type { Origin } from '#core/contracts/upstream.ts';
import { bareHost } from './bare-host.ts';

const maxHeadBytes = 16 * 1024;

/**
 * Asks a proxy, over a connection to it, for a tunnel to the origin (RFC 9110 §9.3.6). `done` comes once, with the reason
 * where there is no tunnel; it never shows the proxy's credentials.
 */
export function openTunnel(socket: Socket, origin: Origin, done: (error: Error | null) => void): void {
  const host = bareHost(origin.host);
  const target = `${isIPv6(host) ? `[${host}]` : host}:${origin.port}`;
  let head = '';

  const finish = (problem: string | null) => {
    socket.off('data', onData).off('error', onError).off('close', onClose);
    // Stopped, so that no byte is lost before the next reader is there.
    socket.pause();
    done(problem === null ? null : new Error(`its proxy ${problem}`));
  };
  const onError = (error: NodeJS.ErrnoException) => finish(`broke the connection (${error.code ?? 'error'})`);
  const onClose = () => finish('closed the connection instead of opening a tunnel');
  const onData = (chunk: Buffer) => {
    head += chunk.toString('latin1');
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) {
      if (head.length > maxHeadBytes) finish(`sent a head of over ${maxHeadBytes} bytes`);
      return;
    }
    const status = /^HTTP\/1\.[01] ([1-9]\d\d)[ \r]/.exec(head)?.[1];
    if (!status) finish('answered CONNECT with something that is not HTTP');
    else if (!status.startsWith('2')) finish(`answered CONNECT with status ${status}`);
    // In HTTP and in TLS the client speaks first: these bytes are not the origin's.
    else if (head.length > end + 4) finish('sent bytes after its answer to CONNECT');
    else finish(null);
  };
  socket.on('data', onData).on('error', onError).on('close', onClose);
  socket.write(`CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\n${authorization(origin.proxy!)}\r\n`);
}

function authorization(proxy: string): string {
  const { username, password } = new URL(proxy);
  if (username === '' && password === '') return '';
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `proxy-authorization: Basic ${Buffer.from(credentials).toString('base64')}\r\n`;
}
