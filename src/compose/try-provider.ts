import type { Conversation } from '#core/call.ts';
import type { CallLine, Dialect } from '#core/contracts/dialect.ts';
import type { UpstreamRequest } from '#core/contracts/upstream.ts';
import { Fault, faultFrom } from '#core/fault.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import type { Provider, Target } from '#core/target.ts';
import { totalsOf } from '#core/usage.ts';
import { dialects } from '#dialects/index.ts';
import { signers } from '#providers/signers/index.ts';
import { createUpstream } from '#transport/upstream/index.ts';
import { originOf } from './origin-of.ts';
import { signerServices } from './signer-services.ts';
import { systemClock } from './system-clock.ts';

export interface Tried {
  /** What the model said, shortened. */
  readonly said: string;
  readonly tokens: { readonly input: number; readonly output: number } | null;
  readonly tookMs: number;
}

const words = new Proxy({}, { get: (_, name) => String(name) }) as Conversation['words'];

/** Asks a model of a provider for one short answer. @throws Fault of whatever went wrong. */
export async function tryProvider(provider: Provider, model: string): Promise<Tried> {
  const dialect = dialects.find(({ name }) => name === provider.dialect)!;
  const target: Target = { provider, model, price: null, defaultMaxOutputTokens: 64 };
  const startedMs = systemClock.monotonicMs();
  const { status, headers, body } = await send(await signed(requestOf(dialect, target), provider));
  const tookMs = systemClock.monotonicMs() - startedMs;
  if (status >= 300) throw dialect.provider.parseFault(status, headers, body);
  const type = headerOf(headers, 'content-type') ?? 'no content-type';
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8'));
  } catch {
    throw new Fault('upstream/malformed-answer', `It answered ${status} with ${type}, which is not JSON.`);
  }
  const events = dialect.provider.parseAnswer(parsed as Record<string, unknown>, target);
  const said = events.map((event) => (event.type === 'delta' ? event.text : '')).join('');
  const usage = events.findLast((event) => event.type === 'usage');
  const { input, output } = usage ? totalsOf(usage.usage.lines) : { input: 0, output: 0 };
  return { said: said.slice(0, 200), tokens: usage ? { input, output } : null, tookMs };
}

function requestOf(dialect: Dialect, target: Target): UpstreamRequest {
  const { provider } = target;
  const { origin, host, pathPrefix } = originOf(provider.baseUrl, provider);
  const { body } = dialect.provider.renderCall(greeting, target);
  const credential =
    provider.credential && provider.secret !== null
      ? [provider.credential.header, provider.credential.prefix + provider.secret]
      : [];
  const line: CallLine | null = null;
  return {
    origin,
    method: 'POST',
    path: pathPrefix + dialect.provider.path(target, { stream: false, line }),
    headers: [
      ...['host', host, ...provider.headers, ...credential, ...dialect.provider.headers([])],
      ...['content-type', 'application/json', 'accept', 'application/json', 'accept-encoding', 'identity'],
    ],
    body: Buffer.from(body),
    timeouts: { ...provider.timeouts, totalMs: 60_000 },
    idempotent: false,
    upgrade: null,
  };
}

async function signed(request: UpstreamRequest, provider: Provider): Promise<UpstreamRequest> {
  if (!provider.signer) return request;
  const upstream = createUpstream({ clock: systemClock });
  try {
    const sign = signers.get(provider.signer.kind)!;
    return await sign(provider, signerServices(provider, { clock: systemClock, upstream }))(request);
  } finally {
    upstream.close();
  }
}

function send(
  request: UpstreamRequest,
): Promise<{ readonly status: number; readonly headers: HeaderList; readonly body: Buffer }> {
  const upstream = createUpstream({ clock: systemClock });
  const chunks: Buffer[] = [];
  let status = 0;
  let headers: HeaderList = [];
  return new Promise((resolve, reject) => {
    upstream.start(request, {
      onHead: (came, fields) => {
        status = came;
        headers = fields;
      },
      onData: (chunk) => void chunks.push(Buffer.from(chunk)),
      onEnd: () => {
        upstream.close();
        resolve({ status, headers, body: Buffer.concat(chunks) });
      },
      onFault: (fault) => reject(faultFrom(fault)),
    });
  });
}

const greeting: Conversation = {
  dialect: 'none',
  words,
  turns: [{ role: 'user', parts: [{ type: 'text', text: 'Say hello in one word.' }] }],
  tools: [],
  toolChoice: null,
  parallelToolCalls: null,
  outputFormat: null,
  maxOutputTokens: 64,
  choices: 1,
  stop: [],
  temperature: null,
  topP: null,
  topK: null,
  seed: null,
  frequencyPenalty: null,
  presencePenalty: null,
  logprobs: null,
  reasoning: null,
  endUser: null,
  stream: false,
  rest: {},
};
