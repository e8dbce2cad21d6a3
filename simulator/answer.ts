import { sampleOf } from './json-sample.ts';
import type { Script } from './script.ts';
import { countPromptTokens } from './understood.ts';
import type { Understood, UnderstoodTool } from './understood.ts';
import { makeWords, splitFragments, splitWords } from './words.ts';

export interface AnswerTool {
  id: string;
  name: string;
  /** What is sent as arguments, in fragments; empty for a call without arguments. */
  fragments: string[];
}

export interface AnswerChoice {
  reasoning: string[];
  redacted: boolean;
  text: string[];
  refusal: string[];
  tools: AnswerTool[];
  /** In OpenAI's or Anthropic's words, as scripted, or one of the simulator's own (see vendor files). */
  finish: string;
  stopSequence: string | null;
}

/** Everything one call will say, decided before the first byte is sent. Every piece is one token. */
export interface Answer {
  callNumber: number;
  model: string;
  createdS: number;
  choices: AnswerChoice[];
  promptTokens: number;
  completionTokens: number;
  reasoningTokens: number;
}

const FRAGMENT_CHARACTERS = 8;
const DEFAULT_TEXT = 'Hello from the simulator.';

/** Decides what a call answers. `headers` are the ones an echo shows. */
export function planAnswer(understood: Understood, script: Script, call: PlannedCall): Answer {
  const choices = Array.from({ length: understood.choices }, (_, index) =>
    planChoice({ understood, script, call, index }),
  );
  const sum = (count: (choice: AnswerChoice) => number): number =>
    choices.reduce((total, choice) => total + count(choice), 0);
  return {
    callNumber: call.number,
    model: script.servedModel ?? understood.model,
    createdS: Math.floor(Date.now() / 1000),
    choices,
    promptTokens: countPromptTokens(understood),
    completionTokens: sum(countPieces),
    reasoningTokens: sum((choice) => choice.reasoning.length),
  };
}

export interface PlannedCall {
  number: number;
  headers: Record<string, unknown>;
}

interface Planning {
  understood: Understood;
  script: Script;
  call: PlannedCall;
  index: number;
}

function planChoice(planning: Planning): AnswerChoice {
  const { understood, script } = planning;
  const tools = planTools(planning);
  const choice: AnswerChoice = {
    reasoning: planReasoning(script),
    redacted: script.redactedThinking ?? false,
    text: planText(planning, tools.length > 0),
    refusal: planRefusal(script),
    tools,
    finish: tools.length > 0 ? 'tool_calls' : 'stop',
    stopSequence: null,
  };
  // An echo is read as JSON by tests that also send limits and stop sequences; it is never cut.
  if (!script.echo) {
    cutAtStop(choice, understood.stop);
    cutAtLimit(choice, understood.maxTokens);
  }
  if (choice.refusal.length > 0) choice.finish = 'refusal';
  if (script.finish !== undefined) choice.finish = script.finish;
  return choice;
}

function planReasoning(script: Script): string[] {
  if (typeof script.reasoning === 'number') return makeWords(script.reasoning, 7);
  return splitWords(script.reasoning ?? '');
}

function planRefusal(script: Script): string[] {
  if (!script.refusal) return [];
  return splitWords(script.refusal === true ? 'I cannot help with that.' : script.refusal);
}

function planText({ understood, script, call, index }: Planning, hasTools: boolean): string[] {
  if (script.echo) return splitWords(JSON.stringify({ ...understood, headers: call.headers }));
  if (script.text !== undefined) return splitWords(script.text);
  if (script.tokens !== undefined) return makeWords(script.tokens, index);
  if (hasTools || script.refusal) return [];
  const format = understood.responseFormat;
  if (format?.type === 'json_schema')
    return splitFragments(JSON.stringify(sampleOf(format.schema)), FRAGMENT_CHARACTERS);
  if (format?.type === 'json_object') return splitFragments('{"ok":true}', FRAGMENT_CHARACTERS);
  return splitWords(DEFAULT_TEXT);
}

function planTools({ understood, script, call, index }: Planning): AnswerTool[] {
  const calls: { name: string; json: string }[] = (script.tools ?? []).map((tool) => ({
    name: tool.name,
    json: typeof tool.arguments === 'string' ? tool.arguments : JSON.stringify(tool.arguments ?? {}),
  }));
  if (script.toolNoArgs)
    calls.push({ name: script.toolNoArgs === true ? 'no_args' : script.toolNoArgs, json: '' });
  const forced = calls.length === 0 && !saysSomething(script) ? forcedTool(understood) : undefined;
  if (forced) calls.push({ name: forced.name, json: JSON.stringify(sampleOf(forced.schema ?? {})) });
  const prefix = understood.vendor === 'anthropic' ? 'toolu_sim' : 'call_sim';
  return calls.map((tool, at) => ({
    id: `${prefix}_${call.number}_${index}_${at}`,
    name: tool.name,
    fragments: splitFragments(tool.json, FRAGMENT_CHARACTERS),
  }));
}

function saysSomething(script: Script): boolean {
  return Boolean(script.echo || script.refusal || script.text !== undefined || script.tokens !== undefined);
}

function forcedTool({ toolChoice, tools }: Understood): UnderstoodTool | undefined {
  if (toolChoice?.mode === 'named') return tools.find((tool) => tool.name === toolChoice.name);
  return toolChoice?.mode === 'required' ? tools[0] : undefined;
}

function cutAtStop(choice: AnswerChoice, stop: readonly string[]): void {
  const text = choice.text.join('');
  let cut = -1;
  for (const sequence of stop) {
    const at = text.indexOf(sequence);
    if (at < 0 || (cut >= 0 && at >= cut)) continue;
    cut = at;
    choice.stopSequence = sequence;
  }
  if (cut < 0) return;
  choice.text = splitWords(text.slice(0, cut));
  choice.tools = [];
  choice.finish = 'stop_sequence';
}

/** Drops the pieces beyond the limit in the order in which they would be sent, as a vendor's limit does. */
function cutAtLimit(choice: AnswerChoice, maxTokens: number | null): void {
  if (maxTokens === null || countPieces(choice) <= maxTokens) return;
  let left = maxTokens;
  const keep = (pieces: string[]): string[] => {
    const kept = pieces.slice(0, left);
    left -= kept.length;
    return kept;
  };
  choice.reasoning = keep(choice.reasoning);
  choice.text = keep(choice.text);
  choice.refusal = keep(choice.refusal);
  const tools: AnswerTool[] = [];
  for (const tool of choice.tools) {
    if (left === 0) break;
    left--;
    tools.push({ ...tool, fragments: keep(tool.fragments) });
  }
  choice.tools = tools;
  choice.finish = 'length';
}

/** A tool call's name is one piece, each fragment of its arguments another. */
function countPieces(choice: AnswerChoice): number {
  const tools = choice.tools.reduce((total, tool) => total + 1 + tool.fragments.length, 0);
  return choice.reasoning.length + choice.text.length + choice.refusal.length + tools;
}
