import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly head: string;
  /** Payload of a body with a length; chunked ones as they came. */
  readonly body: string;
}

export interface RawUpstream {
  readonly url: string;
  /** Requests whose head came, in order. */
  readonly requests: RawRequest[];
  /** Connections that are open. */
  readonly sockets: ReadonlySet<Socket>;
  close(): Promise<void>;
}

/** What an upstream does with a request that came whole. `n` counts from 1. */
export type Behaviour = (socket: Socket, request: RawRequest, n: number) => void;

export const okAnswer = (text: string) =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\ncontent-type: text/plain\r\n\r\n${text}`;

/** An HTTP server of bare sockets, so that it can break off wherever it likes. */
export async function startRawUpstream(behave: Behaviour): Promise<RawUpstream> {
  const requests: RawRequest[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    let bytes = '';
    socket.on('data', (chunk) => {
      bytes += chunk.toString('latin1');
      for (;;) {
        const end = bytes.indexOf('\r\n\r\n');
        if (end === -1) return;
        const head = bytes.slice(0, end);
        const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
        const chunked = /^transfer-encoding: chunked/im.test(head);
        const bodyEnd = chunked ? bytes.indexOf('0\r\n\r\n', end) + 5 : end + 4 + length;
        if (bodyEnd < end + 4 || bytes.length < bodyEnd) return;
        const [method, path] = head.split(' ', 2) as [string, string];
        const request = { method, path, head, body: bytes.slice(end + 4, bodyEnd) };
        bytes = bytes.slice(bodyEnd);
        requests.push(request);
        behave(socket, request, requests.length);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    sockets,
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** A URL at which nobody listens: it was free a moment ago, and the system gives free ports out in turn. */
export async function closedUrl(): Promise<string> {
  const upstream = await startRawUpstream(() => undefined);
  await upstream.close();
  return upstream.url;
}
