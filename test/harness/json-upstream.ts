import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface JsonUpstream {
  readonly url: string;
  /** Requests that have come whole. */
  readonly count: number;
  close(): Promise<void>;
}

/** A REST server that counts; `answer` is given the request's body and its number, from 1. */
export async function startJsonUpstream(
  answer: (
    response: ServerResponse,
    call: { readonly body: string; readonly n: number; readonly request: IncomingMessage },
  ) => void,
): Promise<JsonUpstream> {
  let count = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () =>
      answer(response, { body: Buffer.concat(chunks).toString('utf8'), n: ++count, request }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get count() {
      return count;
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
