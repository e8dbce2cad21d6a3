import type { ListenerPlan } from '#core/listener.ts';

/** `127.0.0.1:8080`, `[::1]:8080` */
export function listenerAddress({ host }: ListenerPlan, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Where clients find it: `http://127.0.0.1:8080`. */
export function listenerUrl(listener: ListenerPlan, port: number): string {
  return `${listener.tls ? 'https' : 'http'}://${listenerAddress(listener, port)}`;
}
