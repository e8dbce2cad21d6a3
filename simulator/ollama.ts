import type { Answer } from './answer.ts';
import { reportFigures, usageMode } from './figures.ts';
import { readOllamaRequest } from './ollama-request.ts';
import type { Script } from './script.ts';
import type { Json } from './shape.ts';
import type { Frame } from './sse.ts';
import { onlyChoice } from './vendor-call.ts';
import type { Vendor } from './vendor-call.ts';

const REASONS: Record<string, string> = { length: 'length', max_tokens: 'length', load: 'load' };

/** Ollama's own chat: lines of JSON, asked for no key. */
export const ollama: Vendor = {
  name: 'ollama',
  path: '/api/chat',
  asksKey: false,
  streamType: 'application/x-ndjson',
  read: readOllamaRequest,
  renderWhole(answer, script) {
    const choice = onlyChoice(answer);
    const usage = renderUsage(answer, script);
    const message = {
      role: 'assistant',
      content: [...choice.text, ...choice.refusal].join(''),
      ...(choice.reasoning.length > 0 && { thinking: choice.reasoning.join('') }),
      ...(choice.tools.length > 0 && { tool_calls: choice.tools.map(renderTool) }),
    };
    return { body: { ...envelope(answer, message), ...renderEnd(answer, usage) }, usage };
  },
  *stream(answer, script) {
    const choice = onlyChoice(answer);
    const line = (kind: Frame['kind'], message: Json): Frame => ({
      kind,
      line: true,
      data: {
        ...envelope(answer, { role: 'assistant', content: '', ...message }),
        done: false,
        ...(script.unknownFields && { sim_unknown: { nested: [1] } }),
      },
    });
    for (const text of choice.reasoning) yield line('content', { thinking: text });
    for (const text of [...choice.text, ...choice.refusal]) yield line('content', { content: text });
    // A call is whole in its line, and counted as what it is elsewhere: its name is a piece, and so is each fragment.
    for (const tool of choice.tools) yield line('content', { tool_calls: [renderTool(tool)] });
    if (script.noDone) return;
    const usage = renderUsage(answer, script);
    const end = { ...envelope(answer, { role: 'assistant', content: '' }), ...renderEnd(answer, usage) };
    yield { kind: 'finish', line: true, data: end, usage: usage ?? undefined };
  },
  errorFrame: () => ({
    kind: 'other',
    line: true,
    data: { error: 'an error was encountered while running the model' },
  }),
  renderError: (_status, message) => ({ error: message }),
};

function envelope(answer: Answer, message: Json): Json {
  return {
    model: answer.model,
    created_at: `${new Date(answer.createdS * 1000).toISOString().slice(0, -1)}987654Z`,
    message,
  };
}

/** Arguments are an object here; what a script gives that is none cannot be said. */
function renderTool({ name, fragments }: { name: string; fragments: string[] }): Json {
  const text = fragments.join('');
  return { function: { name, arguments: text === '' ? {} : (JSON.parse(text) as unknown) } };
}

function renderEnd(answer: Answer, usage: Json | null): Json {
  const { finish } = onlyChoice(answer);
  return {
    done: true,
    done_reason: REASONS[finish] ?? 'stop',
    total_duration: 1_234_567_890,
    load_duration: 12_345_678,
    ...usage,
    ...(usage && { prompt_eval_duration: 23_456_789, eval_duration: 987_654_321 }),
  };
}

function renderUsage(answer: Answer, script: Script): Json | null {
  if (usageMode(script) === 'none') return null;
  const figures = reportFigures(answer, script);
  return { prompt_eval_count: figures.prompt, eval_count: figures.completion };
}
