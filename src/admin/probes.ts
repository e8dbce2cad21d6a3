import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ControlPlane } from '#core/contracts/control-plane.ts';

const headTimeoutMs = 5_000;

/**
 * A listener for those who only ask whether this process lives and is ready: it knows nothing else, so it may be open to
 * a network in which the admin API is not. @throws Error when it cannot listen.
 */
export async function startProbes(
  { host, port }: { readonly host: string; readonly port: number },
  control: Pick<ControlPlane, 'status'>,
): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer(
    { headersTimeout: headTimeoutMs, requestTimeout: headTimeoutMs },
    (request, reply) => {
      const answer = (status: number, body: object) => {
        reply.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
        reply.end(request.method === 'HEAD' ? undefined : JSON.stringify(body));
      };
      if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, {});
      if (request.url === '/healthz') return answer(200, { status: 'alive' });
      if (request.url !== '/readyz') return answer(404, {});
      const { ready, reasons } = control.status();
      return answer(ready ? 200 : 503, { ready, reasons });
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}
