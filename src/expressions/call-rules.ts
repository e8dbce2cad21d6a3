import type { CallFacts, CallRules } from '#core/call-facts.ts';
import { callEnvironment, contextOf } from './call-environment.ts';
import { checkExpression, compileExpression, type ExpressionProblem } from './compile-expression.ts';

/** What is wrong with the expression of a model's rule; null: nothing. */
export const checkCallExpression = (text: string): ExpressionProblem | null =>
  checkExpression(text, callEnvironment());

/** @throws Error for an expression that `checkCallExpression` finds fault with. */
export function compileCallRules(expressions: readonly string[]): CallRules {
  const compiled = expressions.map((text) => compileExpression(text, callEnvironment()));
  return {
    choose(facts, onFailure) {
      const context = contextOf(facts);
      for (const [rule, holds] of compiled.entries()) {
        try {
          if (holds(context) === true) return rule;
        } catch (thrown) {
          onFailure(rule, (thrown as Error).message.split('\n')[0]!);
        }
      }
      return -1;
    },
  };
}

export type { CallFacts };
