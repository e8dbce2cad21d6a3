import { advance, newStreamState, type AnswerEvent } from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import type { CallLine, Dialect, RenderContext } from '#core/contracts/dialect.ts';
import { serverSentEvents } from '#core/sse.ts';
import type { Target } from '#core/target.ts';
import { inputLine, outputLine } from '#core/usage.ts';
import { chatDialects } from '#dialects/index.ts';
import { OperationIndex } from '#pipeline/operation-index.ts';

/** Paths of providers stand below what their base URLs have; those of clients do not. */
const prefixes = ['', '/v1', '/v1beta', '/v2'];

/** Stands for a provider where a dialect only asks for its quirks. */
const target = {
  provider: { name: 'canned', quirks: { maxTokensField: 'max_tokens' } },
  model: 'test',
  defaultMaxOutputTokens: 4096,
} as unknown as Target;

/** @throws RangeError when there is none of this name. */
export function chatDialect(name: string): Dialect {
  const found = chatDialects.find((dialect) => dialect.name === name);
  if (found) return found;
  throw new RangeError(
    `there is no dialect "${name}"; there are ${chatDialects.map((each) => each.name).join(', ')}`,
  );
}

export interface SpokenRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** The request of a client of a dialect that says these messages. */
export function renderRequest(
  dialect: Dialect,
  messages: readonly Message[],
  { model, stream }: { readonly model: string; readonly stream: boolean },
): SpokenRequest {
  const neutral = chatDialect('openai-chat');
  const asked = { model, stream, messages } as unknown as JsonObject;
  const conversation = neutral.client.parseCall(asked, chatLine(neutral, '/v1/chat/completions'));
  const asTarget = { ...target, model } as Target;
  const below = dialect.provider.path(asTarget, { stream, line: null });
  const path = prefixes.map((prefix) => prefix + below).find((each) => lineAt(dialect, each));
  if (path === undefined) throw new Error(`${dialect.name}: ${below} is no path of its clients`);
  const { body } = dialect.provider.renderCall(conversation, asTarget);
  const headers = pairsOf(dialect.provider.headers([]));
  return { path, body, headers: { 'content-type': 'application/json', ...headers } };
}

/** What a client of the dialect reads in an answer. @throws Fault where it does not understand it. */
export function readAnswer(dialect: Dialect, contentType: string, body: Buffer): AnswerEvent[] {
  const { framings = [serverSentEvents] } = dialect.provider;
  const framing = framings.find(({ mediaType }) => contentType.toLowerCase().startsWith(mediaType));
  if (!framing || framing.mediaType === 'application/json')
    return dialect.provider.parseAnswer(JSON.parse(body.toString('utf8')) as JsonObject, target);
  const reader = dialect.provider.eventReader(target);
  const text = body.toString('latin1');
  const events: AnswerEvent[] = [];
  let at = 0;
  for (let end = framing.endOf(text, at, true); end > 0; end = framing.endOf(text, at, true)) {
    const event = framing.parse(body.toString(framing.encoding, at, end));
    if (event.data !== '' || event.name !== '') events.push(...reader.read(event));
    at = end;
  }
  return [...events, ...reader.finish()];
}

export interface CannedBody {
  readonly contentType: string;
  /** One for each event. */
  readonly chunks: readonly Buffer[];
}

/** What a provider of the dialect answers to such a request: the text in these pieces. Null: it has no such path. */
export function renderCanned(
  dialect: Dialect,
  request: { readonly path: string; readonly body: string },
  pieces: readonly string[],
): CannedBody | null {
  const [path, query = ''] = request.path.split('?') as [string, string?];
  const line = prefixes.map((prefix) => lineAt(dialect, prefix + path, query)).find((found) => found);
  if (!line) return null;
  const body = JSON.parse(request.body) as JsonObject;
  const brief = dialect.client.brief(body, line);
  const events = eventsOf(pieces, brief.model);
  const context: RenderContext = {
    ...{ model: brief.model, exchangeId: 'canned', nowS: 1, wantsUsage: true, line, body },
  };
  if (!brief.stream)
    return {
      contentType: 'application/json',
      chunks: [Buffer.from(dialect.client.renderAnswer(events, context))],
    };
  const state = newStreamState();
  const chunks = events.map((event) => {
    const text = dialect.client.renderEvent(event, state, context);
    advance(state, event);
    return Buffer.from(text, dialect.client.streamEncoding ?? 'utf8');
  });
  return { contentType: dialect.client.streamType?.(line) ?? 'text/event-stream; charset=utf-8', chunks };
}

function eventsOf(pieces: readonly string[], model: string): AnswerEvent[] {
  const usage = { lines: [inputLine(5), outputLine(pieces.length)], raw: null, flags: [] };
  return [
    { type: 'start', id: 'canned', model, createdAtS: 1 },
    { type: 'block-start', choice: 0, block: 0, kind: 'text' },
    ...pieces.map((text): AnswerEvent => ({ type: 'delta', choice: 0, block: 0, text })),
    { type: 'block-stop', choice: 0, block: 0 },
    { type: 'finish', choice: 0, reason: 'stop' },
    { type: 'usage', usage: { ...usage, source: 'provider' } },
    { type: 'end' },
  ];
}

function chatLine(dialect: Dialect, path: string): CallLine {
  return lineAt(dialect, path)!;
}

function lineAt(dialect: Dialect, path: string, query = ''): CallLine | null {
  const [bare, own = query] = path.split('?') as [string, string?];
  const found = new OperationIndex([dialect]).find('POST', bare, own);
  return found.find(({ line }) => line.operation.kind === 'chat')?.line ?? null;
}

function pairsOf(list: readonly string[]): Record<string, string> {
  return Object.fromEntries(list.flatMap((name, i) => (i % 2 === 0 ? [[name, list[i + 1]!]] : [])));
}
