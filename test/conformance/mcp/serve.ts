/** The fixture behind the protocol's own packages: a server of each era, on a free port of its own. */
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import {
  createServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import {
  capabilities,
  promptList,
  prompts,
  readResource,
  resourceList,
  template,
  toolList,
  tools,
  type Answer,
  type Asker,
  type Question,
} from './fixture.ts';

type Package = typeof import('../../clients/node_modules/@modelcontextprotocol/server/dist/index.d.mts');
type NodePackage = typeof import('../../clients/node_modules/@modelcontextprotocol/node/dist/index.d.mts');
const load = createRequire(new URL('../../clients/package.json', import.meta.url));
const { createMcpHandler, createRequestStateCodec, ProtocolError, Server } = load(
  '@modelcontextprotocol/server',
) as Package;
const { localhostHostValidation, NodeStreamableHTTPServerTransport, toNodeHandler } = load(
  '@modelcontextprotocol/node',
) as NodePackage;

type SdkServer = InstanceType<Package['Server']>;
type Transport = InstanceType<NodePackage['NodeStreamableHTTPServerTransport']>;
type Context =
  import('../../clients/node_modules/@modelcontextprotocol/server/dist/index.d.mts').ServerContext;
type Params = Record<string, unknown> & { readonly name: string; readonly uri: string };

const serverInfo = { name: 'fixture', version: '1.0.0' };
const invalidParams = -32602;
const logLevelKey = 'io.modelcontextprotocol/logLevel';
const capabilitiesKey = 'io.modelcontextprotocol/clientCapabilities';

export interface FixtureServer {
  readonly url: string;
  /** Tells all that listen. */
  changed(list: 'tools' | 'prompts'): void;
  updated(uri: string): void;
  /** Sessions that were opened; of a modern server none are. */
  readonly sessions: { readonly size: number };
  close(): Promise<void>;
}

/** What is not answered yet: the request ends here, and begins anew with the answers. */
class InputNeeded extends Error {
  readonly questions: Record<string, Question>;
  readonly known: Record<string, Answer>;
  constructor(questions: Record<string, Question>, known: Record<string, Answer>) {
    super('input is needed');
    this.questions = questions;
    this.known = known;
  }
}

const isAnswer = (value: unknown): value is Answer =>
  typeof value === 'object' && value !== null && ('action' in value || 'role' in value || 'roots' in value);

/** Lists, reads and completions, which nobody is asked anything for. */
function serveLists(server: SdkServer): void {
  server.setRequestHandler('tools/list', () => ({ tools: toolList as never }));
  server.setRequestHandler('prompts/list', () => ({ prompts: promptList }));
  server.setRequestHandler('resources/list', () => ({ resources: resourceList }));
  server.setRequestHandler('resources/templates/list', () => ({
    resourceTemplates: [{ uriTemplate: template, name: 'template', description: 'Of the test.' }],
  }));
  server.setRequestHandler('resources/read', ({ params: { uri } }) => {
    const found = readResource(uri);
    if (!found) throw new ProtocolError(invalidParams, `Resource not found: ${uri}`, { uri });
    return { contents: [{ uri, ...found }] } as never;
  });
  server.setRequestHandler('completion/complete', ({ params: { argument } }) => ({
    completion: { values: ['testing', 'tested'].filter((each) => each.startsWith(argument.value)) },
  }));
}

function find<T>(all: Record<string, T>, name: string): T {
  if (!Object.hasOwn(all, name)) throw new ProtocolError(invalidParams, `Unknown: ${name}`);
  return all[name]!;
}

async function run(kind: 'tools' | 'prompts', params: Params, asker: Asker): Promise<never> {
  const { work } = find<{ work: (typeof tools)[string]['work'] }>(
    kind === 'tools' ? tools : prompts,
    params.name,
  );
  return (await work((params['arguments'] ?? {}) as Record<string, unknown>, asker)) as never;
}

type Changed = (list: 'tools' | 'prompts') => void;

/** Makes servers of the modern era, one for each request: nothing is remembered between them. */
export function createModern(changed: Changed): () => SdkServer {
  const state = createRequestStateCodec<Record<string, Answer>>({ key: randomUUID() + randomUUID() });
  const serve = async (kind: 'tools' | 'prompts', params: Params, context: Context): Promise<never> => {
    const { mcpReq } = context;
    const known = { ...mcpReq.requestState<Record<string, Answer>>() };
    for (const [key, answer] of Object.entries(mcpReq.inputResponses ?? {}))
      if (isAnswer(answer)) known[key] = answer;
    const envelope = mcpReq.envelope as Record<string, unknown> | undefined;
    try {
      return await run(kind, params, {
        capabilities: (envelope?.[capabilitiesKey] ?? {}) as Record<string, unknown>,
        progressToken: mcpReq._meta?.progressToken,
        async notify(method, of) {
          if (method !== 'notifications/message' || envelope?.[logLevelKey] !== undefined)
            await mcpReq.notify({ method, params: of } as never);
        },
        changed,
        async ask(questions) {
          if (Object.keys(questions).some((key) => !known[key])) throw new InputNeeded(questions, known);
          return known;
        },
      });
    } catch (thrown) {
      if (!(thrown instanceof InputNeeded)) throw thrown;
      return {
        resultType: 'input_required',
        inputRequests: thrown.questions,
        requestState: await state.mint(thrown.known, context),
      } as never;
    }
  };
  return () => {
    const server = new Server(serverInfo, { capabilities, requestState: { verify: state.verify } });
    serveLists(server);
    server.setRequestHandler('tools/call', ({ params }, context) => serve('tools', params as never, context));
    server.setRequestHandler('prompts/get', ({ params }, context) =>
      serve('prompts', params as never, context),
    );
    return server;
  };
}

/** Over HTTP. */
export async function serveModern(): Promise<FixtureServer> {
  const changed: Changed = (list) =>
    list === 'tools' ? handler.notify.toolsChanged() : handler.notify.promptsChanged();
  const handler = createMcpHandler(createModern(changed), { legacy: 'reject' });
  const listening = await open(toNodeHandler(handler) as never);
  return {
    url: listening.url,
    changed,
    updated: (uri) => handler.notify.resourceUpdated(uri),
    sessions: { size: 0 },
    async close() {
      await handler.close();
      await listening.close();
    },
  };
}

/** Makes a server of the legacy era, for one session. */
export function createLegacy(changed: Changed, subscribed: Set<string>): SdkServer {
  const server = new Server(serverInfo, { capabilities });
  const serve = (kind: 'tools' | 'prompts', params: Params, context: Context) =>
    run(kind, params, {
      capabilities: { ...server.getClientCapabilities() },
      progressToken: context.mcpReq._meta?.progressToken,
      notify: (method, of) => context.mcpReq.notify({ method, params: of } as never),
      changed,
      async ask(questions) {
        const asked = Object.entries(questions).map(async ([key, { method, params: of }]) => {
          // A server may name its questions: a gateway between the eras then keeps the name.
          const named = { ...of, _meta: { 'sluice/question': key } };
          return [key, (await context.mcpReq.send({ method, params: named } as never)) as Answer] as const;
        });
        return Object.fromEntries(await Promise.all(asked));
      },
    });
  serveLists(server);
  server.setRequestHandler('tools/call', ({ params }, context) => serve('tools', params as never, context));
  server.setRequestHandler('prompts/get', ({ params }, context) =>
    serve('prompts', params as never, context),
  );
  server.setRequestHandler('resources/subscribe', ({ params: { uri } }) => {
    subscribed.add(uri);
    return {};
  });
  server.setRequestHandler('resources/unsubscribe', ({ params: { uri } }) => {
    subscribed.delete(uri);
    return {};
  });
  return server;
}

/** Over HTTP: a server and a transport for each session. */
export async function serveLegacy(): Promise<FixtureServer> {
  const sessions = new Map<string, { transport: Transport; server: SdkServer }>();
  const subscribed = new Set<string>();
  const everywhere = (tell: (server: SdkServer) => Promise<void>) => {
    for (const { server } of sessions.values()) tell(server).catch(() => undefined);
  };
  const changed: Changed = (list) =>
    everywhere((server) =>
      list === 'tools' ? server.sendToolListChanged() : server.sendPromptListChanged(),
    );
  const openSession = async () => {
    const server = createLegacy(changed, subscribed);
    const transport: Transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, { transport, server }),
      onsessionclosed: (id) => void sessions.delete(id),
    });
    await server.connect(transport);
    return transport;
  };
  const listening = await open(async (request, response) => {
    const id = request.headers['mcp-session-id'] as string | undefined;
    if (id === undefined) return (await openSession()).handleRequest(request, response);
    const session = sessions.get(id);
    if (session) return session.transport.handleRequest(request, response);
    response.writeHead(404).end();
  });
  return {
    url: listening.url,
    changed,
    updated(uri) {
      if (subscribed.has(uri)) everywhere((server) => server.sendResourceUpdated({ uri }));
    },
    sessions,
    async close() {
      for (const { server } of sessions.values()) await server.close();
      await listening.close();
    },
  };
}

async function open(
  handle: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const isLocal = localhostHostValidation();
  const server: HttpServer = createServer((request, response) => {
    if (!isLocal(request as never, response as never)) return;
    Promise.resolve(handle(request, response)).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
