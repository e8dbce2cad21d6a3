import type { Answer } from './answer.ts';
import type { Script, ScriptedFigures, UsageMode } from './script.ts';

type Figure = number | string;

/** Usage in neutral words; vendor files put it into their own. Figures may be lies, as scripted. */
export interface Figures {
  prompt: Figure;
  uncached: Figure;
  cached: Figure;
  cacheWrite5m: Figure;
  cacheWrite1h: Figure;
  cacheWrite: Figure;
  completion: Figure;
  reasoning: Figure;
  total: Figure;
  searches: number;
}

/** Bare `NaN` is no JSON; this mark becomes it when a frame is rendered. */
export const NAN_MARK = '\u0000NaN\u0000';

const LIES: Partial<Record<UsageMode, Figure>> = {
  zero: 0,
  negative: -1,
  nan: 'NaN',
  'nan-literal': NAN_MARK,
  huge: 1e18,
};

export function usageMode(script: Script): UsageMode {
  if (typeof script.usage === 'string') return script.usage;
  return script.usage?.mode ?? 'normal';
}

/** The figures to report once `completion` tokens, `reasoning` of them thinking, have been generated. */
export function reportFigures(answer: Answer, script: Script, sent = servedAll(answer)): Figures {
  const lie = LIES[usageMode(script)];
  if (lie !== undefined) {
    return {
      prompt: lie,
      uncached: lie,
      cached: lie,
      cacheWrite5m: lie,
      cacheWrite1h: lie,
      cacheWrite: lie,
      completion: lie,
      reasoning: lie,
      total: lie,
      searches: 0,
    };
  }
  const scripted: ScriptedFigures = typeof script.usage === 'object' ? script.usage : {};
  const { cached = 0, cacheWrite5m = 0, cacheWrite1h = 0 } = scripted;
  const cacheWrite = cacheWrite5m + cacheWrite1h;
  const prompt = scripted.prompt ?? answer.promptTokens + cached + cacheWrite;
  const completion = scripted.completion ?? sent.completion;
  return {
    prompt,
    uncached: prompt - cached - cacheWrite,
    cached,
    cacheWrite5m,
    cacheWrite1h,
    cacheWrite,
    completion,
    reasoning: scripted.reasoning ?? sent.reasoning,
    total: prompt + completion,
    searches: scripted.searches ?? 0,
  };
}

interface Sent {
  completion: number;
  reasoning: number;
}

function servedAll(answer: Answer): Sent {
  return { completion: answer.completionTokens, reasoning: answer.reasoningTokens };
}
