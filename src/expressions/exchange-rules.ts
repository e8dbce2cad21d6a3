import type { Environment } from '@marcbachmann/cel-js';
import type { ExchangeRule } from '#core/contracts/exchange-rule.ts';
import {
  checkExpression,
  compileExpression,
  tellProblem,
  type ExpressionProblem,
} from './compile-expression.ts';
import { createEnvironment } from './create-environment.ts';
import { contextOf, exchangeVariables, wrappers } from './exchange-context.ts';

let environment: Environment | null = null;

const exchangeEnvironment = (): Environment =>
  (environment ??= createEnvironment({ variables: exchangeVariables, wrappers, maps: ['claims'] }));

/** What is wrong with the expression of a policy's rule; null: nothing. */
export const checkExchangeExpression = (text: string): ExpressionProblem | null =>
  checkExpression(text, exchangeEnvironment());

/** @throws Error, with its place, for an expression that `checkExchangeExpression` finds fault with. */
export function compileExchangeRule(text: string): ExchangeRule {
  const problem = checkExchangeExpression(text);
  if (problem) throw new Error(`the rule "${text}": ${tellProblem(problem)}`);
  const holds = compileExpression(text, exchangeEnvironment());
  return {
    text,
    // Where it is only a word of the text, the rule is asked later than it could be.
    readsCall: /\bcall\b/.test(text),
    holds: (exchange) => holds(contextOf(exchange)) === true,
  };
}
