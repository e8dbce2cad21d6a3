/**
 * `sluice/policy/testing`: runs a policy in a real gateway in this process, over real sockets. Behind the gateway stands an upstream
 * that echoes, and a model that says what it is told to, in any dialect.
 */
import { stringify } from 'yaml';
import type { PolicyDefinition, PolicyReceipt } from 'sluice/policy';
import type { AnswerEvent } from '#core/answer.ts';
import type { Policy, PolicyKind } from '#core/contracts/policy.ts';
import type { Snapshot } from '#core/snapshot.ts';
import { parseConfig } from '#config/load.ts';
import { resolveConfig } from '#config/resolve.ts';
import { definitionTools } from '#extensions/index.ts';
import { policySchemas } from '#policies/schemas.ts';
import { catalog } from '#providers/catalog/index.ts';
import { systemClock } from '../compose/system-clock.ts';
import { openCannedUpstream } from './canned-upstream.ts';
import { openDataPlane } from './data-plane.ts';
import { chatDialect, readAnswer, renderRequest, type Message } from './dialect-parties.ts';

export interface PolicyTestOptions {
  /** Of the policy; checked against its schema. */
  readonly settings?: object;
  /** Who calls; null: nobody has authenticated. */
  readonly consumer?: {
    readonly project: string;
    readonly team: string;
    readonly name?: string;
    readonly groups?: readonly string[];
  } | null;
  /** What the credential says of its bearer. */
  readonly claims?: Readonly<Record<string, string>>;
  /** Other policies of the route, before it: built-in kinds with their settings, as in a configuration. */
  readonly before?: readonly object[];
  /** The wire format that the model behind the gateway speaks (`openai-chat`). */
  readonly provider?: string;
}

export interface PolicyTest {
  /** Of the gateway. Below `/echo` it leads to the echo, below `/v1` and the paths of other dialects to the model. */
  readonly url: string;
  /** Asks the echo, which answers with JSON: `{ method, path, headers, body }` of what it was sent. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Asks the model, as a client of a dialect does. */
  chat(ask?: ChatAsk): Promise<ChatAnswer>;
  /** Of the exchange that an answer is of. */
  receipt(answer: {
    readonly headers: Headers;
  }): Promise<PolicyReceipt & { readonly notes: Readonly<Record<string, unknown>> }>;
  /** What the policy has logged, and how it has failed, line by line. */
  readonly log: readonly Readonly<Record<string, unknown>>[];
  stop(): Promise<void>;
}

export interface ChatAsk {
  /** What the user says (`Hello`); or the whole conversation. */
  readonly text?: string;
  readonly messages?: readonly Message[];
  /** The client's wire format (`openai-chat`): `anthropic-messages`, `gemini-generate`, `openai-responses`, … */
  readonly dialect?: string;
  /** True unless told. */
  readonly stream?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the model answers, in the pieces in which it comes. */
  readonly answer?: string | readonly string[];
}

export interface ChatAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** As it came. */
  readonly raw: string;
  /** What the client reads of it: the text of all blocks. Empty for an error. */
  readonly text: string;
  /** Why it ended, by the client's reading: `stop`, `length`, `content-filter` …; null: it did not. */
  readonly finish: string | null;
}

/** @throws Error, a ConfigError for settings that the policy's schema does not take. */
export async function startPolicyTest<Schema extends object, State>(
  policy: PolicyDefinition<Schema, State>,
  options: PolicyTestOptions = {},
): Promise<PolicyTest> {
  const { provider = 'openai-chat' } = options;
  const tools = definitionTools(policy as unknown as PolicyDefinition);
  const upstream = await openCannedUpstream(provider);
  const log: Record<string, unknown>[] = [];
  let plane;
  try {
    const snapshot = snapshotFor(upstream.url, { ...options, provider }, tools);
    plane = await openDataPlane({
      snapshot,
      kinds: (observer) => [callerKind(options), tools.kind({ clock: systemClock, observer })],
      writeError: (line) => log.push(JSON.parse(line) as Record<string, unknown>),
    });
  } catch (error) {
    await upstream.close();
    throw error;
  }
  const { url } = plane;
  return {
    url,
    log,
    fetch: (path, init) => fetch(`${url}/echo${path}`, init),
    async chat(ask = {}) {
      const { text = 'Hello', messages = [{ role: 'user', content: text }], stream = true } = ask;
      const dialect = chatDialect(ask.dialect ?? 'openai-chat');
      upstream.say([ask.answer ?? ['Hello', ', world', '.']].flat());
      const request = renderRequest(dialect, messages, { model: 'test', stream });
      const headers = { ...request.headers, ...ask.headers };
      const answer = await fetch(url + request.path, { method: 'POST', headers, body: request.body });
      const bytes = Buffer.from(await answer.arrayBuffer());
      const read = answer.ok ? readAnswer(dialect, answer.headers.get('content-type') ?? '', bytes) : [];
      return { status: answer.status, headers: answer.headers, raw: bytes.toString('utf8'), ...told(read) };
    },
    async receipt({ headers }) {
      const receipt = await plane.receiptOf(headers.get('x-sluice-exchange') ?? '');
      return { ...tools.receipt(receipt), notes: receipt.notes ?? {} };
    },
    async stop() {
      await plane.stop();
      await upstream.close();
    },
  };
}

const callerName = 'test-caller';

/** Whom the options name has authenticated. */
function callerKind({ consumer, claims }: PolicyTestOptions): PolicyKind {
  const whom = consumer === undefined ? { project: 'test', team: 'test' } : consumer;
  const policy: Policy = {
    name: callerName,
    summary: 'whom the test names',
    onHead(exchange) {
      exchange.consumer = whom && {
        ...{ id: 'test', models: null },
        name: whom.name ?? 'test',
        project: whom.project,
        team: whom.team,
        groups: [...(whom.groups ?? [])],
      };
      exchange.claims = claims ?? null;
    },
  };
  return { name: callerName, create: () => policy };
}

function snapshotFor(
  upstream: string,
  { settings = {}, before = [], provider }: PolicyTestOptions,
  { name, schema }: ReturnType<typeof definitionTools>,
): Snapshot {
  const text = stringify({
    account: false,
    log: { access: false },
    providers: {
      canned: { dialect: provider, baseUrl: `${upstream}/model`, apiKey: 'canned', models: ['test'] },
    },
    models: { test: { targets: ['canned/test'] } },
    routes: [
      { name: 'echo', match: { path: '/echo/**' }, stripPrefix: '/echo', to: { http: `${upstream}/echo` } },
      { name: 'llm', match: { path: '/**' }, to: { llm: {} } },
    ],
    policies: [...before, { [name]: settings }],
  });
  const document = parseConfig(text, {
    env: {},
    path: null,
    name: 'the test',
    policySchemas: new Map([...policySchemas, [name, schema]]),
  });
  const { snapshot } = resolveConfig(document, {
    catalog,
    prices: { find: () => null, all: () => ({}) },
    ...{ version: 1, text, source: 'the test', nowMs: Date.now() },
  });
  const caller = { kind: callerName, instance: callerName, settings: {} };
  const routes = snapshot.routes.map((route) => ({ ...route, policies: [caller, ...route.policies] }));
  return { ...snapshot, routes };
}

function told(events: readonly AnswerEvent[]): Pick<ChatAnswer, 'text' | 'finish'> {
  let text = '';
  let finish: string | null = null;
  for (const event of events) {
    if (event.type === 'delta') text += event.text;
    else if (event.type === 'finish') finish = event.reason;
  }
  return { text, finish };
}
