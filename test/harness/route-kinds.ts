/** The same request, byte for byte, on either kind of route. The gateway is one of `startTestGateway`. */
import { testKey, type TestGateway } from './gateway.ts';

export type RouteKind = 'http' | 'llm';
export const routeKinds: readonly RouteKind[] = ['http', 'llm'];

/** A call that the llm route would answer, were nothing wrong with it. */
export const smallCall = JSON.stringify({
  model: 'o/gpt-sim',
  messages: [{ role: 'user', content: 'simulate:{"tokens":1}' }],
});

const places = {
  http: { path: '/api/echo', body: 'hello' },
  llm: { path: '/v1/chat/completions', body: smallCall },
} as const;

export const pathOf = (kind: RouteKind): string => places[kind].path;
export const bodyOf = (kind: RouteKind): string => places[kind].body;
export const auth = `Authorization: Bearer ${testKey}`;

/** Lines of a head, each ended by CRLF, then the body as it is. */
export const message = (lines: readonly string[], body = ''): string =>
  `${lines.join('\r\n')}\r\n\r\n${body}`;

export interface RawRequest {
  /** Path with query, when it is not the usual one of the kind. */
  readonly target?: string;
  readonly method?: string;
  /** Fields besides Host and the credential; framing is theirs unless `body` alone is given. */
  readonly fields?: readonly string[];
  readonly host?: readonly string[];
  readonly credential?: readonly string[];
  readonly body?: string;
}

/** A POST with a good credential; what is given replaces its parts. Without `fields` its body is framed by its length. */
export function rawRequest(kind: RouteKind, request: RawRequest = {}): string {
  const { target = pathOf(kind), method = 'POST', host = ['Host: a'], credential = [auth] } = request;
  const body = request.body ?? bodyOf(kind);
  const fields = request.fields ?? [`Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close'];
  return message([`${method} ${target} HTTP/1.1`, ...host, ...credential, ...fields], body);
}

/** Fields of a whole body that is the last on its connection. */
export const framed = (kind: RouteKind, ...more: string[]): string[] => [
  `Content-Length: ${Buffer.byteLength(bodyOf(kind))}`,
  'Connection: close',
  ...more,
];

/** How many answers, interim ones aside, the bytes of a connection hold. */
export const statusesIn = (text: string): string[] =>
  [...text.matchAll(/HTTP\/1\.1 ([2-5]\d\d) /g)].map((match) => match[1]!);

/** Runs `act` and gives what the upstream was asked meanwhile, with the headers it got. */
export async function askedMeanwhile<T>(gateway: TestGateway, act: () => Promise<T>) {
  const before = gateway.simulator.calls().at(-1)?.number ?? 0;
  const result = await act();
  return { result, calls: gateway.simulator.calls().filter(({ number }) => number > before) };
}
