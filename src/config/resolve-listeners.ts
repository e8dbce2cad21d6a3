import { isIP } from 'node:net';
import type { ListenerHttp2, ListenerPlan } from '#core/listener.ts';
import type { Path } from './places.ts';
import type { Problems } from './problem.ts';
import { resolveTls } from './resolve-tls.ts';
import type { ConfigDocument, ListenerSettings } from './schema.ts';

/** The listeners of a document. What cannot be listened on is a problem. */
export function resolveListeners({ listen = {} }: ConfigDocument, problems: Problems): ListenerPlan[] {
  const listed = Array.isArray(listen);
  const ids = new Map<string, number>();
  return (listed ? listen : [listen]).map((settings: ListenerSettings, i) => {
    const path: Path = listed ? ['listen', i] : ['listen'];
    const { host = '127.0.0.1', port = 8080, trustedProxies = [], proxyProtocol = false, tls } = settings;
    const address = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
    const nth = (ids.get(address) ?? 0) + 1;
    ids.set(address, nth);
    if (nth > 1 && port !== 0) problems.add(path, `${address} is listened on already`);
    if (!isIP(host) && !/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(host))
      problems.add([...path, 'host'], 'expected an address or a host name (IPv6 without brackets)');
    for (const [n, range] of trustedProxies.entries()) {
      const wrong = rangeProblem(range);
      if (wrong) problems.add([...path, 'trustedProxies', n], wrong);
    }
    if (proxyProtocol && trustedProxies.length === 0)
      problems.add(
        [...path, 'proxyProtocol'],
        'anyone could claim any address: name the proxies that send it in trustedProxies',
      );
    return {
      id: nth === 1 ? address : `${address}#${nth}`,
      host,
      port,
      ipv6Only: settings.ipv6Only ?? false,
      trustedProxies,
      proxyProtocol,
      maxConnections: settings.maxConnections ?? 0,
      tls: tls ? resolveTls(tls, [...path, 'tls'], problems) : null,
      http2: resolveHttp2(settings.http2 ?? true),
    };
  });
}

function resolveHttp2(settings: NonNullable<ListenerSettings['http2']>): ListenerHttp2 | null {
  if (settings === false) return null;
  const { maxStreams = 128, websocket = true } = settings === true ? {} : settings;
  return { maxStreams, websocket };
}

function rangeProblem(range: string): string | null {
  const [address = '', prefix, ...more] = range.split('/');
  const family = isIP(address);
  const bits = family === 6 ? 128 : 32;
  const fits = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits);
  if (family !== 0 && !address.includes('%') && fits && more.length === 0) return null;
  return `expected an address or a range such as 10.0.0.0/8 or fd00::/8, got ${JSON.stringify(range)}`;
}
