import type { ASTNode } from '@marcbachmann/cel-js';
import { LinearPattern } from '#core/linear-pattern.ts';

/** Patterns are few: those of the configuration. */
const patterns = new Map<string, LinearPattern>();

/** `text.matches(pattern)`, in time linear in the text: what callers send must not make a rule slow. */
export function matchesLinearly(text: string, pattern: string): boolean {
  return patternOf(pattern).matches(text);
}

function patternOf(source: string): LinearPattern {
  let pattern = patterns.get(source);
  // CEL's `matches` looks for the pattern anywhere in the text.
  if (!pattern) patterns.set(source, (pattern = new LinearPattern(anywhere(source))));
  return pattern;
}

const anywhere = (source: string): string => {
  const begin = source.startsWith('^') ? '' : '[\\s\\S]*';
  const end = /(?:^|[^\\])(?:\\\\)*\$$/.test(source) ? '' : '[\\s\\S]*';
  return `${begin}(?:${source.replace(/^\^/, '').replace(/\$$/, end === '' ? '' : '$')})${end}`;
};

/**
 * The expression with every `matches` renamed to ours.
 * @throws Error where its pattern is not written out, or is none.
 */
export function withLinearMatches(text: string, ast: ASTNode): string {
  const places: number[] = [];
  walk(ast, (node) => {
    if (node.op !== 'rcall' || node.args[0] !== 'matches') return;
    const [, receiver, [pattern]] = node.args;
    if (pattern?.op !== 'value' || typeof pattern.args !== 'string')
      throw Object.assign(new Error('the pattern of "matches" must be written out as text'), {
        range: node.range,
      });
    try {
      patternOf(pattern.args);
    } catch (thrown) {
      throw Object.assign(new Error(`the pattern of "matches": ${(thrown as Error).message}`), {
        range: pattern.range,
      });
    }
    places.push(text.indexOf('matches', receiver.range.end));
  });
  let renamed = text;
  for (const at of places.sort((a, b) => b - a))
    renamed = `${renamed.slice(0, at)}matchesLinearly${renamed.slice(at + 'matches'.length)}`;
  return renamed;
}

const isNode = (value: unknown): value is ASTNode =>
  typeof value === 'object' && value !== null && 'op' in value && 'args' in value;

function walk(node: ASTNode, visit: (node: ASTNode) => void): void {
  visit(node);
  const descend = (value: unknown): void => {
    if (isNode(value)) walk(value, visit);
    else if (Array.isArray(value)) for (const item of value) descend(item);
  };
  descend(node.args);
}
