import type { Answer, AnswerChoice } from './answer.ts';
import { reportFigures, usageMode } from './figures.ts';
import { readResponsesRequest } from './responses-request.ts';
import type { Script } from './script.ts';
import type { Json } from './shape.ts';
import { redactThinking, signThinking } from './signature.ts';
import type { Frame } from './sse.ts';
import { onlyChoice } from './vendor-call.ts';
import type { Vendor } from './vendor-call.ts';
import { renderError } from './vendor-errors.ts';

const INCOMPLETE: Record<string, string> = {
  length: 'max_output_tokens',
  max_tokens: 'max_output_tokens',
  content_filter: 'content_filter',
};

/** OpenAI's responses. Reasoning comes with its encrypted state, as if that were always asked for. */
export const responses: Vendor = {
  name: 'openai-responses',
  path: '/v1/responses',
  asksKey: true,
  keeps: true,
  read: readResponsesRequest,
  renderWhole(answer, script) {
    const usage = renderUsage(answer, script);
    const items = itemsOf(answer);
    return { body: renderEnd(answer, script, { items, usage }), usage };
  },
  *stream(answer, script) {
    let sequence = 0;
    const frame = (kind: Frame['kind'], type: string, fields: Json, usage?: Json): Frame => ({
      kind,
      event: type,
      data: {
        type,
        sequence_number: sequence++,
        ...fields,
        ...(script.unknownFields && { sim_unknown: { nested: [1] } }),
      },
      ...(usage && { usage }),
    });
    const opening = { response: envelope(answer, 'in_progress') };
    yield frame('open', 'response.created', opening);
    yield frame('other', 'response.in_progress', opening);
    if (script.unknownFields) yield frame('other', 'response.sim_unknown', {});
    const choice = onlyChoice(answer);
    const items = itemsOf(answer);
    for (const [output_index, item] of items.entries()) {
      const isCall = item.type === 'function_call';
      const bare = { ...item, ...(isCall ? { arguments: '' } : {}), ...emptied(item), status: 'in_progress' };
      // A call's name is a piece.
      yield frame(isCall ? 'content' : 'other', 'response.output_item.added', { output_index, item: bare });
      const at = { item_id: item.id, output_index };
      for (const step of stepsOf(item, choice, items))
        yield frame(step.kind, step.type, { ...at, ...step.fields });
      yield frame('other', 'response.output_item.done', { output_index, item });
    }
    if (script.noDone) return;
    const usage = renderUsage(answer, script);
    const response = renderEnd(answer, script, { items, usage });
    yield frame('finish', `response.${String(response.status)}`, { response }, usage ?? undefined);
  },
  errorFrame: () => ({
    kind: 'other',
    event: 'error',
    data: {
      type: 'error',
      sequence_number: 7,
      error: { type: 'server_error', code: null, message: 'The server had an error', param: null },
    },
  }),
  renderError: (status, message, id) => JSON.parse(renderError('openai', { status, message }, id)) as Json,
};

interface Step {
  kind: Frame['kind'];
  type: string;
  fields: Json;
}

const other = (type: string, fields: Json): Step => ({ kind: 'other', type, fields });
const content = (type: string, fields: Json): Step => ({ kind: 'content', type, fields });

/** What is told between an item's beginning and its end. */
function* stepsOf(item: Json, choice: AnswerChoice, items: readonly Json[]): Generator<Step> {
  if (item.type === 'reasoning') {
    if (choice.reasoning.length === 0) return;
    const at = { summary_index: 0 };
    const text = choice.reasoning.join('');
    yield other('response.reasoning_summary_part.added', { ...at, part: { type: 'summary_text', text: '' } });
    for (const delta of choice.reasoning)
      yield content('response.reasoning_summary_text.delta', { ...at, delta, obfuscation: 'xy' });
    yield other('response.reasoning_summary_text.done', { ...at, text });
    yield other('response.reasoning_summary_part.done', { ...at, part: { type: 'summary_text', text } });
  } else if (item.type === 'message') {
    if (choice.text.length > 0) {
      const at = { content_index: 0 };
      const text = choice.text.join('');
      yield other('response.content_part.added', { ...at, part: textPart('') });
      for (const delta of choice.text)
        yield content('response.output_text.delta', { ...at, delta, logprobs: [], obfuscation: 'xy' });
      yield other('response.output_text.done', { ...at, text, logprobs: [] });
      yield other('response.content_part.done', { ...at, part: textPart(text) });
    }
    if (choice.refusal.length > 0) {
      const at = { content_index: choice.text.length > 0 ? 1 : 0 };
      const refusal = choice.refusal.join('');
      yield other('response.content_part.added', { ...at, part: { type: 'refusal', refusal: '' } });
      for (const delta of choice.refusal) yield content('response.refusal.delta', { ...at, delta });
      yield other('response.refusal.done', { ...at, refusal });
      yield other('response.content_part.done', { ...at, part: { type: 'refusal', refusal } });
    }
  } else {
    const first = items.findIndex(({ type }) => type === 'function_call');
    const tool = choice.tools[items.indexOf(item) - first];
    for (const delta of tool?.fragments ?? [])
      yield content('response.function_call_arguments.delta', { delta, obfuscation: 'xy' });
    yield other('response.function_call_arguments.done', { arguments: item.arguments });
  }
}

const emptied = (item: Json): Json =>
  item.type === 'message' ? { content: [] } : item.type === 'reasoning' ? { summary: [] } : {};

const textPart = (text: string): Json => ({ type: 'output_text', annotations: [], logprobs: [], text });

function itemsOf(answer: Answer): Json[] {
  const { reasoning, redacted, text, refusal, tools } = onlyChoice(answer);
  const id = (prefix: string, at = 0): string => `${prefix}_sim_${answer.callNumber}_${at}`;
  const items: Json[] = [];
  if (redacted)
    items.push({
      id: id('rs', 1),
      type: 'reasoning',
      summary: [],
      encrypted_content: redactThinking(answer.callNumber),
    });
  if (reasoning.length > 0) {
    const said = reasoning.join('');
    items.push({
      id: id('rs'),
      type: 'reasoning',
      summary: [{ type: 'summary_text', text: said }],
      encrypted_content: signThinking(said),
    });
  }
  const parts = [
    ...(text.length > 0 ? [textPart(text.join(''))] : []),
    ...(refusal.length > 0 ? [{ type: 'refusal', refusal: refusal.join('') }] : []),
  ];
  if (parts.length > 0 || (tools.length === 0 && items.length === 0))
    items.push({ id: id('msg'), type: 'message', status: 'completed', role: 'assistant', content: parts });
  tools.forEach((tool, at) =>
    items.push({
      id: id('fc', at),
      type: 'function_call',
      status: 'completed',
      call_id: tool.id,
      name: tool.name,
      arguments: tool.fragments.join(''),
    }),
  );
  return items;
}

function renderEnd(
  answer: Answer,
  script: Script,
  { items, usage }: { items: readonly Json[]; usage: Json | null },
): Json {
  const reason = INCOMPLETE[onlyChoice(answer).finish];
  const { searches } = reportFigures(answer, script);
  return {
    ...envelope(answer, reason === undefined ? 'completed' : 'incomplete'),
    ...(reason !== undefined && { incomplete_details: { reason } }),
    output: items,
    ...(usage && { usage }),
    ...(searches > 0 && { tool_usage: { web_search: { num_requests: searches } } }),
    ...(script.unknownFields && { sim_unknown: { nested: [1] } }),
  };
}

function envelope(answer: Answer, status: string): Json {
  return {
    id: `resp_sim_${answer.callNumber}`,
    object: 'response',
    created_at: answer.createdS,
    status,
    background: false,
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: null,
    model: answer.model,
    output: [],
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    service_tier: 'default',
    store: false,
    temperature: 1,
    text: { format: { type: 'text' }, verbosity: 'medium' },
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    truncation: 'disabled',
    usage: null,
    user: null,
    metadata: {},
  };
}

function renderUsage(answer: Answer, script: Script): Json | null {
  if (usageMode(script) === 'none') return null;
  const figures = reportFigures(answer, script);
  return {
    input_tokens: figures.prompt,
    input_tokens_details: { cached_tokens: figures.cached, cache_write_tokens: figures.cacheWrite },
    output_tokens: figures.completion,
    output_tokens_details: { reasoning_tokens: figures.reasoning },
    total_tokens: figures.total,
  };
}
