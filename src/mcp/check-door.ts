import { Fault } from '#core/fault.ts';
import { headerOf, type RequestHead } from '#core/head.ts';
import type { McpRoute } from '#core/snapshot.ts';

const ownNames: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);
const ownAddress = /^(?:127\.|::1$|::ffff:127\.)/;

/**
 * A page that somebody else wrote can make a browser call what listens on this machine, under a name that he has led to it (DNS
 * rebinding). Where the call comes from this machine it must therefore name it so, unless the route names its hosts; and a page
 * (`Origin`) must be one of the host's own, or named. @throws Fault `request/forged`
 */
export function checkDoor({ hosts, origins }: McpRoute, head: RequestHead): void {
  const { host, peer } = head;
  const isHere = ownAddress.test(peer.address) && !peer.trusted;
  if (hosts ? !hosts.includes(host) : isHere && !ownNames.has(host))
    throw new Fault(
      'request/forged',
      `The host "${host}" is not one of this route. Where it is a name of the gateway's, add it to "hosts" of the route.`,
    );
  const origin = headerOf(head.headers, 'origin');
  if (origin === undefined || origins.includes(origin)) return;
  const from = URL.canParse(origin) ? new URL(origin) : null;
  if (from && (from.hostname === host || (isHere && ownNames.has(from.hostname)))) return;
  throw new Fault(
    'request/forged',
    `Pages of "${origin.slice(0, 200)}" may not call this route. Where they may, add them to "origins" of the route.`,
  );
}
