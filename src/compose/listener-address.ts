import type { ListenerPlan } from '#core/listener.ts';
import type { AdminListener } from '#core/snapshot.ts';

/** `127.0.0.1:8080`, `[::1]:8080` */
export function listenerAddress({ host }: ListenerPlan, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Where clients find it: `http://127.0.0.1:8080`. */
export function listenerUrl(listener: ListenerPlan, port: number): string {
  return `${listener.tls ? 'https' : 'http'}://${listenerAddress(listener, port)}`;
}

/** Where this machine reaches what listens there. */
export function localUrl({ host, tls }: Pick<AdminListener, 'host' | 'tls'>, port: number): string {
  const reached = host === '::' ? '::1' : host === '0.0.0.0' ? '127.0.0.1' : host;
  return `${tls ? 'https' : 'http'}://${reached.includes(':') ? `[${reached}]` : reached}:${port}`;
}
