import type { Inbound } from '#core/contracts/inbound.ts';
import type { ListenerPlan } from '#core/listener.ts';
import { listen, type Listener, type ListenerStats } from '#transport/server/index.ts';
import type { Http2Server, Http2ServerSettings } from '#transport/server/http2/index.ts';
import type { WorkerStart } from './messages.ts';

/** The listeners of one thread, as one. */
export interface ListenerPool {
  readonly ports: readonly number[];
  stats(): (ListenerStats & { readonly listener: string })[];
  /** @throws Error when a certificate cannot be used. */
  update(plans: readonly ListenerPlan[]): void;
  drain(): void;
  close(graceMs: number): Promise<void>;
}

/** @throws Error when one of them cannot listen; then none does. */
export async function openListeners(
  start: WorkerStart,
  { onExchange }: { onExchange(inbound: Inbound): void },
): Promise<ListenerPool> {
  const { snapshot, ports, reusePort, ticketSecret, openConnections, index } = start;
  const workers = openConnections.byteLength / 4 / ports.length;
  const opened: { readonly id: string; readonly listener: Listener }[] = [];
  for (const [i, plan] of snapshot.listen.entries()) {
    const cells = new Int32Array(openConnections, 4 * i * workers, workers);
    const { limits } = snapshot;
    const listener = await listen({
      ...plan,
      port: ports[i]!,
      reusePort,
      limits,
      ticketSecret,
      open: { cells, own: index },
      http2: plan.http2 && (() => loadHttp2({ ...plan.http2!, limits, onExchange })),
      onExchange,
    });
    opened.push({ id: plan.id, listener });
  }
  return {
    ports: opened.map(({ listener }) => listener.port),
    stats: () => opened.map(({ id, listener }) => ({ listener: id, ...listener.stats() })),
    update(plans) {
      for (const { id, listener } of opened) {
        const plan = plans.find((each) => each.id === id);
        if (plan) listener.update(plan);
      }
    },
    drain: () => opened.forEach(({ listener }) => listener.drain()),
    async close(graceMs) {
      await Promise.all(opened.map(({ listener }) => listener.close(graceMs)));
    },
  };
}

async function loadHttp2(settings: Http2ServerSettings): Promise<Http2Server> {
  const { createHttp2Server } = await import('#transport/server/http2/index.ts');
  return createHttp2Server(settings);
}
