import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chatDialect, renderCanned } from './dialect-parties.ts';

export interface CannedUpstream {
  readonly url: string;
  /** What the next calls to the model are answered with: a text in these pieces. */
  say(pieces: readonly string[]): void;
  close(): Promise<void>;
}

/**
 * Stands for whoever is behind the gateway: below `/echo` it answers with what it was sent, as JSON; below `/model` as a provider of
 * the dialect, with what it was told to say.
 */
export async function openCannedUpstream(provider: string): Promise<CannedUpstream> {
  const dialect = chatDialect(provider);
  let pieces: readonly string[] = ['Hello', ', world', '.'];

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const bytes: Buffer[] = [];
    for await (const chunk of request) bytes.push(chunk as Buffer);
    const body = Buffer.concat(bytes).toString('utf8');
    const { method, url = '', headers } = request;
    if (url.startsWith('/echo')) {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ method, path: url.slice('/echo'.length) || '/', headers, body }));
      return;
    }
    const canned = renderCanned(dialect, { path: url.slice('/model'.length), body }, pieces);
    response.writeHead(canned ? 200 : 404, canned ? { 'content-type': canned.contentType } : {});
    for (const chunk of canned?.chunks ?? []) {
      response.write(chunk);
      // Each event goes out by itself.
      await new Promise((resolve) => setImmediate(resolve));
    }
    response.end();
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: Error) => response.writeHead(500).end(error.message));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    say(next) {
      pieces = next;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
