import type { JsonObject } from '#core/call.ts';
import { isObject } from '#core/read-json.ts';
import { exposedUri, splitUri } from './exposed-name.ts';
import type { Ask, Hearing, Servers } from './tool-source.ts';
import { notification, type Outcome } from './wire.ts';

const acknowledged = 'notifications/subscriptions/acknowledged';

/** Hears several servers at once. What all of them together grant is acknowledged once; one that ends leaves the others. */
export async function listenToAll(servers: Servers, ask: Ask, hearing: Hearing): Promise<Outcome> {
  const wish = isObject(ask.params['notifications']) ? ask.params['notifications'] : {};
  const { resourceSubscriptions, ...kinds } = wish;
  const uris = (Array.isArray(resourceSubscriptions) ? resourceSubscriptions : []).map(String);
  const granted: Record<string, unknown> = {};
  const grantedUris: string[] = [];
  const waiting = new Set(servers.keys());
  const held: JsonObject[] = [];
  let said = false;
  const settled = (server: string) => {
    if (!waiting.delete(server) || waiting.size > 0 || said) return;
    said = true;
    const all = { ...granted, ...(grantedUris.length > 0 && { resourceSubscriptions: grantedUris }) };
    hearing.notify(notification(acknowledged, { notifications: all }));
    for (const message of held) hearing.notify(message);
  };
  const heard = (server: string, message: JsonObject) => {
    const params = isObject(message['params']) ? message['params'] : {};
    if (message['method'] === acknowledged) {
      const of = isObject(params['notifications']) ? params['notifications'] : {};
      for (const [name, is] of Object.entries(of)) if (is === true) granted[name] = true;
      const resources = Array.isArray(of['resourceSubscriptions']) ? of['resourceSubscriptions'] : [];
      grantedUris.push(...resources.map((uri) => exposedUri(server, String(uri))));
      return settled(server);
    }
    const { uri } = params;
    const told =
      typeof uri === 'string' ? { ...message, params: { ...params, uri: exposedUri(server, uri) } } : message;
    if (said) hearing.notify(told);
    else held.push(told);
  };
  const listening = [...servers].map(async ([server, source]) => {
    const own = uris.flatMap((uri) => {
      const split = splitUri(uri);
      return split?.server === server ? [split.rest] : [];
    });
    const notifications = { ...kinds, ...(own.length > 0 && { resourceSubscriptions: own }) };
    try {
      await source.ask(
        { ...ask, params: { ...ask.params, notifications } },
        { signal: hearing.signal, notify: (message) => heard(server, message) },
      );
    } catch {
      // It stands on the receipt; what the others say is heard all the same.
    } finally {
      settled(server);
    }
  });
  await Promise.all(listening);
  return { result: { resultType: 'complete' } };
}
