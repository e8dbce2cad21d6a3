import type { Conversation, Tool, ToolCallPart, ToolResultPart, Turn } from '#core/call.ts';
import { Fault, faultFrom } from '#core/fault.ts';
import { parseJson } from '#core/parse-json.ts';
import { isObject } from '#core/read-json.ts';
import type { LoopRules } from '#core/snapshot.ts';
import { totalsOf } from '#core/usage.ts';
import type { Answer } from '#pipeline/answer.ts';
import { converse } from '#pipeline/converse.ts';
import type { ModelCall } from '#pipeline/model-call.ts';
import type { Passage } from '#pipeline/passage.ts';
import { faultEvent, outcomeOf } from '#pipeline/refuse.ts';
import { LoopClient } from './loop-client.ts';
import { LoopInbound } from './loop-inbound.ts';
import { LoopStep, type LoopStand } from './loop-step.ts';
import type { Ask, Caller, Hearing, ToolSource } from './tool-source.ts';
import { metaOf, modernVersion, type Outcome } from './wire.ts';

export interface LoopParts {
  readonly rules: LoopRules;
  /** Of the servers that the call names, as one. */
  readonly source: ToolSource;
  readonly caller: Caller;
  /** To be called before requests to servers: numbers of attempts go on after those of the model's. */
  renumber(): void;
}

const mostPages = 50;
/** The same call is made so often; then the answer is asked for. */
const mostRepeats = 2;

/** One answer in several steps: the model is called, its calls of the gateway's tools are made, and it is called again with what came. */
export class ToolLoop {
  readonly #passage: Passage;
  readonly #parts: LoopParts;
  readonly #inbound: LoopInbound;
  readonly #hearing: Hearing;
  readonly #made = new Map<string, number>();
  #calls = 0;
  #mustAnswer = false;

  constructor(passage: Passage, parts: LoopParts) {
    this.#passage = passage;
    this.#parts = parts;
    this.#inbound = new LoopInbound(passage.exchange.inbound);
    const signal = AbortSignal.any([this.#inbound.left.signal, AbortSignal.timeout(parts.rules.timeoutMs)]);
    this.#hearing = { signal, notify() {} };
  }

  /** @throws Fault while nothing of an answer has been delivered. */
  async run(): Promise<Answer> {
    this.#passage.exchange.inbound = this.#inbound;
    try {
      return await this.#steps();
    } finally {
      // Whatever is given now is the end: the answer's, or a refusal in its place.
      this.#inbound.isLast = true;
    }
  }

  async #steps(): Promise<Answer> {
    const { exchange } = this.#passage;
    const call = this.#passage.call!;
    const tools = await this.#list();
    const asked = call.conversation();
    const names = new Set(tools.map(({ name }) => name));
    const taken = asked.tools.find(({ name }) => names.has(name));
    if (taken)
      throw new Fault(
        'request/invalid-field',
        `The name "${taken.name}" is one of the gateway's own tools.`,
        {
          field: 'tools',
        },
      );
    const stand: LoopStand = { own: names, started: false, shown: 0, usage: null };
    const client = new LoopClient(call.dialect);
    let turns: readonly Turn[] = asked.turns;
    for (let number = 1; ; number++) {
      const isLast = this.#mustAnswer || number >= this.#parts.rules.steps;
      const conversation = { ...asked, tools: [...asked.tools, ...tools], turns };
      const step = new LoopStep(stand, !isLast);
      client.begin(step);
      exchange.notes = { ...exchange.notes, 'tools.steps': number, 'tools.calls': this.#calls };
      const said = await this.#say(
        stepOf({ ...call, dialect: client.dialect }, conversation, { number, isLast }),
      );
      if (!step.goesOn || exchange.fault || this.#inbound.gone) return said;
      // Ends nothing, but for what the step itself holds. What came whole for no stream is kept for the end.
      if (call.brief.stream) said.release();
      step.close();
      turns = [...turns, { role: 'assistant', parts: step.parts() }, await this.#results(step.calls)];
      if (this.#inbound.gone)
        throw new Fault('client/gone', 'The client hung up before its answer was complete.');
      const used = stand.usage ? totalsOf(stand.usage.lines) : { input: 0, output: 0 };
      const { tokens } = this.#parts.rules;
      if (tokens !== null && used.input + used.output >= tokens) this.#mustAnswer = true;
      if (this.#hearing.signal.aborted) this.#mustAnswer = true;
    }
  }

  /** One call of the model. A fault after the client's answer has begun is told in it. */
  async #say(call: ModelCall): Promise<Answer> {
    const passage = this.#passage;
    const { exchange } = passage;
    try {
      return await converse(passage, call);
    } catch (thrown) {
      if (!this.#inbound.begun || this.#inbound.gone) throw thrown;
      const fault = faultFrom(thrown);
      exchange.fault = fault;
      exchange.outcome = outcomeOf(fault);
      const text = faultEvent(call, fault, exchange);
      return {
        heldBytes: Buffer.byteLength(text),
        release: () => {
          this.#inbound.write(text);
          this.#inbound.end(true);
        },
        abandon: () => this.#inbound.end(false),
      };
    }
  }

  async #list(): Promise<Tool[]> {
    const tools: Tool[] = [];
    let cursor: string | null = null;
    for (let page = 0; page < mostPages; page++) {
      const outcome: Outcome = await this.#ask('tools/list', cursor === null ? {} : { cursor });
      if ('error' in outcome) throw new Fault('upstream/unavailable', outcome.error.message.slice(0, 500));
      const { tools: listed, nextCursor } = outcome.result;
      for (const tool of Array.isArray(listed) ? (listed as unknown[]) : [])
        if (isObject(tool) && typeof tool['name'] === 'string') tools.push(toolOf(tool, tool['name']));
      if (typeof nextCursor !== 'string') break;
      cursor = nextCursor;
    }
    return tools;
  }

  async #results(calls: readonly ToolCallPart[]): Promise<Turn> {
    this.#parts.renumber();
    return { role: 'tool', parts: await Promise.all(calls.map((call) => this.#result(call))) };
  }

  /** Whatever becomes of a call, the model is told. */
  async #result(call: ToolCallPart): Promise<ToolResultPart> {
    const key = `${call.name} ${call.arguments}`;
    const repeats = this.#made.get(key) ?? 0;
    this.#made.set(key, repeats + 1);
    if (repeats >= mostRepeats) {
      this.#mustAnswer = true;
      return resultOf(call, 'Not called: this very call was made before. Answer with what is known.', true);
    }
    if (this.#calls >= this.#parts.rules.calls) {
      this.#mustAnswer = true;
      return resultOf(call, 'Not called: no more calls may be made. Answer with what is known.', true);
    }
    this.#calls++;
    try {
      const given = parseJson(call.arguments === '' ? '{}' : call.arguments);
      if (!isObject(given)) return resultOf(call, 'Not called: the arguments are no JSON object.', true);
      const outcome = await this.#ask('tools/call', { name: call.name, arguments: given });
      return told(call, outcome);
    } catch (thrown) {
      if (thrown instanceof SyntaxError)
        return resultOf(call, 'Not called: the arguments are no JSON.', true);
      return resultOf(call, `The call failed: ${faultFrom(thrown).message}`, true);
    }
  }

  /** A server that does not heed that nobody waits any more is not waited for. */
  #ask(method: string, params: Ask['params']): Promise<Outcome> {
    const { source, caller } = this.#parts;
    const { signal } = this.#hearing;
    const _meta = { [metaOf.version]: modernVersion, [metaOf.capabilities]: {} };
    return new Promise((resolve, reject) => {
      const late = () => reject(new Fault('upstream/total-timeout', 'The tools have taken too long.'));
      if (signal.aborted) return late();
      signal.addEventListener('abort', late, { once: true });
      void source
        .ask({ method, params: { ...params, _meta }, caller }, this.#hearing)
        .then(resolve, reject)
        .finally(() => signal.removeEventListener('abort', late));
    });
  }
}

/** The call that a step makes. Where an answer must come, no tool may be called; what must be called is called in the first step. */
function stepOf(
  call: ModelCall,
  conversation: Conversation,
  { number, isLast }: { readonly number: number; readonly isLast: boolean },
): ModelCall {
  const { toolChoice } = conversation;
  const later = number > 1 && toolChoice !== null && toolChoice.type !== 'none' ? null : toolChoice;
  const said = { ...conversation, toolChoice: isLast ? ({ type: 'none' } as const) : later };
  return { ...call, conversation: () => said };
}

const toolOf = ({ description, inputSchema }: Ask['params'], name: string): Tool => ({
  name,
  description: typeof description === 'string' ? description : null,
  schema: isObject(inputSchema) ? inputSchema : { type: 'object' },
  strict: null,
});

function resultOf({ id }: ToolCallPart, text: string, isError: boolean): ToolResultPart {
  return { type: 'tool-result', callId: id, parts: [{ type: 'text', text }], isError };
}

function told(call: ToolCallPart, outcome: Outcome): ToolResultPart {
  if ('error' in outcome) return resultOf(call, `The call failed: ${outcome.error.message}`, true);
  const { resultType, content, structuredContent, isError } = outcome.result;
  if (resultType === 'input_required')
    return resultOf(call, 'The tool wants to ask the user something, which cannot be done here.', true);
  const texts = (Array.isArray(content) ? (content as unknown[]) : []).map((part) =>
    isObject(part) && part['type'] === 'text' ? String(part['text']) : JSON.stringify(part),
  );
  const text = texts.length > 0 ? texts.join('\n') : JSON.stringify(structuredContent ?? null);
  return resultOf(call, text, isError === true);
}
