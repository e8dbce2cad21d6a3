import type { ListenerPlan } from '#core/listener.ts';

/**
 * What a reload makes of the listeners there are. Their certificates and trusted proxies follow the new configuration; a
 * reload opens and closes none, for of two threads on one port the one that closes resets connections that wait for it.
 */
export function listenersInForce(
  before: readonly ListenerPlan[],
  after: readonly ListenerPlan[],
): readonly ListenerPlan[] {
  return before.map((listener) => {
    const now = after.find(({ id }) => id === listener.id);
    if (!now) return listener;
    const { trustedProxies, tls } = now;
    // Between plain text and TLS there is no going over while clients know the port as one of them.
    return {
      ...listener,
      trustedProxies:
        trustedProxies.length || !listener.proxyProtocol ? trustedProxies : listener.trustedProxies,
      tls: (tls === null) === (listener.tls === null) ? tls : listener.tls,
    };
  });
}

/** What people are told of certificates that are not valid now, or soon will not be. */
export function certificateWarnings(listeners: readonly ListenerPlan[], nowMs: number): string[] {
  return listeners.flatMap(({ id, tls }) =>
    (tls?.certificates ?? []).flatMap(({ names, notBeforeMs, notAfterMs }) => {
      const which = `the certificate of ${names[0] ?? 'no name'} on ${id}`;
      const day = (ms: number) => new Date(ms).toISOString();
      if (nowMs > notAfterMs) return [`${which} EXPIRED at ${day(notAfterMs)}: clients will refuse it`];
      if (nowMs < notBeforeMs) return [`${which} is not valid before ${day(notBeforeMs)}`];
      if (notAfterMs - nowMs < warnWithinMs) return [`${which} expires at ${day(notAfterMs)}`];
      return [];
    }),
  );
}

const warnWithinMs = 14 * 86_400_000;
