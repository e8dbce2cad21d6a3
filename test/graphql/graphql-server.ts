import { createRequire } from 'node:module';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type * as Graphql from '../clients/node_modules/graphql/index.d.ts';
import type * as OverHttp from '../clients/node_modules/graphql-http/lib/use/http.d.ts';
import type * as OverEvents from '../clients/node_modules/graphql-sse/lib/use/http.d.ts';

const load = createRequire(new URL('../clients/package.json', import.meta.url));
export const graphql = load('graphql') as typeof Graphql;
const { createHandler } = load('graphql-http/lib/use/http') as typeof OverHttp;
const events = load('graphql-sse/lib/use/http') as typeof OverEvents;
const sockets = load('graphql-ws/use/ws') as {
  useServer(options: { schema: Graphql.GraphQLSchema }, server: object): { dispose(): Promise<void> };
};
const { WebSocketServer } = load('ws') as { WebSocketServer: new (options: object) => { close(): void } };

export const sdl = `
  type Query { hello: String product(id: ID): Product products(first: Int, after: String): [Product!]! }
  type Product { id: ID! name: String price: Int related(first: Int = 5): [Product!]! }
  type Mutation { rename(id: ID!, name: String!): Product }
  type Subscription { count(to: Int!): Int }
`;

export interface GraphqlServer {
  readonly url: string;
  /** Bodies, or queries of URLs, of the requests that came. */
  readonly requests: readonly { readonly method: string; readonly text: string; readonly url: string }[];
  close(): Promise<void>;
}

/** A server that keeps to the specifications, by the libraries that their authors made: over HTTP, SSE and WebSocket. */
export async function startGraphqlServer(): Promise<GraphqlServer> {
  const schema = graphql.buildSchema(sdl);
  const product = (id: number): object => ({
    id,
    name: `p${id}`,
    price: id * 10,
    related: ({ first }: { first: number }) =>
      Array.from({ length: Math.min(first, 3) }, (_, i) => product(id + i)),
  });
  const resolvers: Record<string, Record<string, unknown>> = {
    Query: {
      hello: () => 'world',
      product: (_: unknown, { id }: { id: string }) => product(Number(id ?? 1)),
      products: (_: unknown, { first }: { first?: number }) =>
        Array.from({ length: Math.min(first ?? 3, 5) }, (_, i) => product(i)),
    },
    Mutation: {
      rename: (_: unknown, { id, name }: { id: string; name: string }) => ({ ...product(Number(id)), name }),
    },
  };
  for (const [type, fields] of Object.entries(resolvers)) {
    const known = (schema.getType(type) as Graphql.GraphQLObjectType).getFields();
    for (const [field, resolve] of Object.entries(fields)) known[field]!.resolve = resolve as never;
  }
  const { count } = schema.getSubscriptionType()!.getFields();
  count!.subscribe = async function* (_: unknown, { to }: { to: number }) {
    for (let n = 1; n <= to; n++) yield { count: n };
  } as never;
  const requests: { method: string; text: string; url: string }[] = [];
  const overHttp = createHandler({ schema });
  const overEvents = events.createHandler({ schema });
  const server = createServer((request, response) => {
    const isStream = (request.headers.accept ?? '').includes('text/event-stream');
    if (!isStream) note(request, requests);
    void (isStream ? overEvents : overHttp)(request, response);
  });
  const webSockets = new WebSocketServer({ server, path: '/v2/graphql' });
  sockets.useServer({ schema }, webSockets);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v2/graphql`,
    requests,
    close() {
      webSockets.close();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Looks on as the handler reads the body. */
function note(request: IncomingMessage, requests: { method: string; text: string; url: string }[]): void {
  const noted = { method: request.method!, text: '', url: request.url! };
  requests.push(noted);
  const emit = request.emit.bind(request);
  request.emit = (event: string, ...more: unknown[]) => {
    if (event === 'data') noted.text += String(more[0]);
    return emit(event, ...more);
  };
}
