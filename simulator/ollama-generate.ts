import { ollama } from './ollama.ts';
import { readOllamaRequest } from './ollama-request.ts';
import { isObject } from './shape.ts';
import type { Json } from './shape.ts';
import type { Vendor } from './vendor-call.ts';

/** Ollama's answers to a prompt: what the chat says in `message` is in `response` and `thinking`. */
export const ollamaGenerate: Vendor = {
  ...ollama,
  path: '/api/generate',
  read(
    { prompt, system, images, suffix: _suffix, template: _template, raw: _raw, context: _context, ...rest },
    script,
  ) {
    const instructions = system === undefined ? [] : [{ role: 'system', content: system }];
    const user = { role: 'user', content: prompt ?? '', ...(images !== undefined && { images }) };
    return readOllamaRequest({ ...rest, messages: [...instructions, user] }, script);
  },
  renderWhole(answer, script) {
    const { body, usage } = ollama.renderWhole(answer, script);
    return { body: flatten(body), usage };
  },
  *stream(answer, script, includeUsage) {
    for (const frame of ollama.stream(answer, script, includeUsage))
      yield isObject(frame.data) ? { ...frame, data: flatten(frame.data) } : frame;
  },
};

function flatten({ message, ...line }: Json): Json {
  const { content, thinking } = isObject(message) ? message : {};
  return { ...line, response: content, ...(thinking !== undefined && { thinking }) };
}
