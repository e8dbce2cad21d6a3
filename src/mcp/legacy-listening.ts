import type { JsonObject } from '#core/call.ts';
import { Fault } from '#core/fault.ts';
import { isObject } from '#core/read-json.ts';
import type { PeerSession } from './peer-session.ts';
import type { Hearing } from './tool-source.ts';
import { notification, type Outcome } from './wire.ts';

const lists = {
  toolsListChanged: ['tools', 'notifications/tools/list_changed'],
  promptsListChanged: ['prompts', 'notifications/prompts/list_changed'],
  resourcesListChanged: ['resources', 'notifications/resources/list_changed'],
} as const;

/** Gives what a session's server says unasked to a `subscriptions/listen`, as far as it wants to hear it. */
export async function listenTo(session: PeerSession, params: JsonObject, hearing: Hearing): Promise<Outcome> {
  const wish = isObject(params['notifications']) ? params['notifications'] : {};
  const { capabilities } = session.hello;
  const has = (of: string, what: string) => isObject(capabilities[of]) && capabilities[of][what] === true;
  const granted: Record<string, unknown> = {};
  const wanted = new Set<string>();
  for (const [field, [of, method]] of Object.entries(lists)) {
    if (wish[field] !== true || !has(of, 'listChanged')) continue;
    granted[field] = true;
    wanted.add(method);
  }
  const asked = Array.isArray(wish['resourceSubscriptions']) ? wish['resourceSubscriptions'] : [];
  const uris = asked.filter((uri): uri is string => typeof uri === 'string');
  const subscribed = uris.length > 0 && has('resources', 'subscribe') ? new Set(uris) : null;
  if (subscribed) granted['resourceSubscriptions'] = uris;
  const over = Promise.withResolvers<void>();
  const stop = session.listen((method, message) => {
    if (session.lost)
      return over.reject(new Fault('upstream/closed', 'The session with the server has ended.'));
    const { uri } = isObject(message['params']) ? message['params'] : {};
    const isUpdate = method === 'notifications/resources/updated' && subscribed?.has(String(uri));
    if (isUpdate || wanted.has(method)) hearing.notify(message);
  });
  const leave = () => over.resolve();
  hearing.signal.addEventListener('abort', leave, { once: true });
  try {
    for (const uri of subscribed ?? []) await session.subscribe(uri);
    hearing.notify(notification('notifications/subscriptions/acknowledged', { notifications: granted }));
    await over.promise;
  } finally {
    stop();
    hearing.signal.removeEventListener('abort', leave);
    for (const uri of subscribed ?? []) session.unsubscribe(uri);
  }
  return { result: { resultType: 'complete' } };
}
