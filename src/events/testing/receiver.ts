import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Posted {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** The events in it, in their order. */
  readonly events: readonly { id: string; subject: string; type: string; data: Record<string, unknown> }[];
}

/** What a receiver does with the nth request, from 1. A number is a status to answer with. */
export type Behaviour = (posted: Posted, n: number) => number | ((response: ServerResponse) => void);

export interface Receiver {
  readonly url: string;
  readonly posted: Posted[];
  /** Those that were answered with 2xx. */
  readonly taken: Posted[];
  behave: Behaviour;
  close(): Promise<void>;
}

/** A server that takes webhooks, on a port of its own. */
export async function startReceiver(behave: Behaviour = () => 204): Promise<Receiver> {
  const posted: Posted[] = [];
  const taken: Posted[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const parsed = [JSON.parse(body)].flat() as Posted['events'];
      const one = { headers: request.headers, body, events: parsed };
      posted.push(one);
      const answer = receiver.behave(one, posted.length);
      if (typeof answer !== 'number') return answer(response);
      if (answer < 300) taken.push(one);
      response.writeHead(answer).end();
    });
  });
  const receiver: Receiver = {
    url: '',
    posted,
    taken,
    behave,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(receiver, { url: `http://127.0.0.1:${port}/hook?of=test` });
}
