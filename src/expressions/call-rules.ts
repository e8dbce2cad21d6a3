import type { CallFacts, CallRules } from '#core/call-facts.ts';
import { callEnvironment, contextOf } from './call-environment.ts';
import { withLinearMatches } from './linear-matches.ts';

export interface ExpressionProblem {
  readonly message: string;
  /** Where in the expression, from 0; null where no place is known. */
  readonly at: number | null;
}

const maxLength = 2000;

/** What is wrong with a rule's expression (Common Expression Language, https://cel.dev); null: nothing. */
export function checkCallExpression(text: string): ExpressionProblem | null {
  try {
    compile(text);
    return null;
  } catch (thrown) {
    const { summary, range, message } = thrown as {
      summary?: string;
      range?: { start: number };
      message: string;
    };
    return { message: summary ?? message.split('\n')[0]!, at: range?.start ?? null };
  }
}

/** @throws Error for an expression that `checkCallExpression` finds fault with. */
export function compileCallRules(expressions: readonly string[]): CallRules {
  const compiled = expressions.map(compile);
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

function compile(text: string): (context: ReturnType<typeof contextOf>) => unknown {
  if (text.length > maxLength) throw new Error(`longer than ${maxLength} characters`);
  const environment = callEnvironment();
  const parsed = environment.parse(withLinearMatches(text, environment.parse(text).ast));
  const { valid, type, error } = environment.check(text);
  if (!valid) throw error!;
  if (type !== 'bool') throw new Error(`it is a ${type}, and must be true or false`);
  return parsed;
}

export type { CallFacts };
