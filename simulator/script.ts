/** Where a fault strikes: see README.md, "Faults". */
export type FaultPoint = number | 'headers' | 'finish' | 'usage' | 'done';

export interface ScriptedTool {
  name: string;
  /** An object is rendered as JSON; a string is sent verbatim, valid JSON or not. */
  arguments?: unknown;
}

/** Figures to report instead of what was served. `prompt` includes cached and cache-written tokens. */
export interface ScriptedFigures {
  mode?: UsageMode;
  prompt?: number;
  completion?: number;
  cached?: number;
  cacheWrite5m?: number;
  cacheWrite1h?: number;
  reasoning?: number;
  searches?: number;
}

export const USAGE_MODES = [
  'normal',
  'none',
  'zero',
  'negative',
  'nan',
  'nan-literal',
  'huge',
  'twice',
  'cumulative',
  'finish-chunk',
  'null-on-chunks',
] as const;
export type UsageMode = (typeof USAGE_MODES)[number];

/** How one call is answered. Every option is optional; README.md describes each. */
export interface Script {
  text?: string;
  tokens?: number;
  reasoning?: string | number;
  redactedThinking?: boolean;
  tools?: ScriptedTool[];
  toolNoArgs?: boolean | string;
  refusal?: boolean | string;
  finish?: string;
  servedModel?: string;
  echo?: boolean;

  usage?: UsageMode | ScriptedFigures;
  usageOnlyChunkLast?: boolean;

  latencyMs?: number;
  firstChunkMs?: number;
  paceMs?: number;

  status?: number;
  errorType?: string;
  errorMessage?: string;
  retryAfter?: number | string;
  rateLimitRemaining?: number;

  errorInStreamAt?: FaultPoint;
  malformedAt?: FaultPoint;
  resetAt?: FaultPoint;
  closeAt?: FaultPoint;
  hangUpAt?: FaultPoint;
  stallAt?: FaultPoint;

  noDone?: boolean;
  crlf?: boolean;
  comments?: boolean;
  multiLineData?: boolean;
  splitAt?: number | 'every';
  gzip?: boolean | 'always';
  closeDelimited?: boolean;
  contentLengthShort?: boolean | number;
  contentLengthLong?: boolean | number;
  contentTypeCharset?: boolean | string;
  unknownFields?: boolean;

  rejectStreamOptions?: boolean;
  strictKeys?: boolean;
  anySignature?: boolean;
}

/** The script itself is wrong: a mistake of the test, answered loudly and never mistaken for a vendor's error. */
export class ScriptError extends Error {}

type Check = (value: unknown) => boolean;
const isString: Check = (value) => typeof value === 'string';
const isFlag: Check = (value) => typeof value === 'boolean';
const isCount: Check = (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0;
const isText: Check = isString;
const isPoint: Check = (value) =>
  (isCount(value) && Number.isInteger(value)) ||
  ['headers', 'finish', 'usage', 'done'].includes(String(value));
const either =
  (...checks: Check[]): Check =>
  (value) =>
    checks.some((check) => check(value));

function isTools(value: unknown): boolean {
  return (
    Array.isArray(value) && value.every((tool) => typeof tool === 'object' && tool && isString(tool.name))
  );
}

function isUsage(value: unknown): boolean {
  if (typeof value === 'string') return USAGE_MODES.some((mode) => mode === value);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).every(([name, figure]) => {
    if (name === 'mode') return USAGE_MODES.some((mode) => mode === figure);
    return FIGURE_NAMES.has(name) && typeof figure === 'number';
  });
}
const FIGURE_NAMES = new Set([
  'prompt',
  'completion',
  'cached',
  'cacheWrite5m',
  'cacheWrite1h',
  'reasoning',
  'searches',
]);

const CHECKS: Record<keyof Script, Check> = {
  text: isText,
  tokens: isCount,
  reasoning: either(isString, isCount),
  redactedThinking: isFlag,
  tools: isTools,
  toolNoArgs: either(isFlag, isString),
  refusal: either(isFlag, isString),
  finish: isString,
  servedModel: isString,
  echo: isFlag,
  usage: isUsage,
  usageOnlyChunkLast: isFlag,
  latencyMs: isCount,
  firstChunkMs: isCount,
  paceMs: isCount,
  status: (value) => isCount(value) && Number(value) >= 200 && Number(value) <= 599,
  errorType: isString,
  errorMessage: isString,
  retryAfter: either(isString, isCount),
  rateLimitRemaining: isCount,
  errorInStreamAt: isPoint,
  malformedAt: isPoint,
  resetAt: isPoint,
  closeAt: isPoint,
  hangUpAt: isPoint,
  stallAt: isPoint,
  noDone: isFlag,
  crlf: isFlag,
  comments: isFlag,
  multiLineData: isFlag,
  splitAt: either(isCount, (value) => value === 'every'),
  gzip: either(isFlag, (value) => value === 'always'),
  closeDelimited: isFlag,
  contentLengthShort: either(isFlag, isCount),
  contentLengthLong: either(isFlag, isCount),
  contentTypeCharset: either(isFlag, isString),
  unknownFields: isFlag,
  rejectStreamOptions: isFlag,
  strictKeys: isFlag,
  anySignature: isFlag,
};

/**
 * Checks a script written by a test. `source` says where it came from, for the message.
 * @throws ScriptError on an unknown option or a value of the wrong kind, so that a typo never tests nothing.
 */
export function checkScript(value: unknown, source: string): Script {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ScriptError(`${source}: a script is a JSON object`);
  }
  for (const [name, option] of Object.entries(value)) {
    const check: Check | undefined = Object.hasOwn(CHECKS, name) ? CHECKS[name as keyof Script] : undefined;
    if (!check) throw new ScriptError(`${source}: unknown option '${name}'`);
    if (!check(option))
      throw new ScriptError(`${source}: option '${name}' cannot be ${JSON.stringify(option)}`);
  }
  return value;
}
