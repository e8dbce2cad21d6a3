import type { Environment } from '@marcbachmann/cel-js';
import { withLinearMatches } from './linear-matches.ts';

export interface ExpressionProblem {
  readonly message: string;
  /** Where in the expression, from 0; null where no place is known. */
  readonly at: number | null;
}

const maxLength = 2000;

/** What is wrong with an expression (Common Expression Language, https://cel.dev); null: nothing. */
export function checkExpression(text: string, environment: Environment): ExpressionProblem | null {
  try {
    compileExpression(text, environment);
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

/** A problem in words, with its place. */
export const tellProblem = ({ message, at }: ExpressionProblem): string =>
  at === null ? message : `${message} (at character ${at + 1})`;

/** @throws Error for an expression that `checkExpression` finds fault with. */
export function compileExpression(text: string, environment: Environment): (context: object) => unknown {
  if (text.length > maxLength) throw new Error(`longer than ${maxLength} characters`);
  const parsed = environment.parse(withLinearMatches(text, environment.parse(text).ast));
  const { valid, type, error } = environment.check(text);
  if (!valid) throw error!;
  if (type !== 'bool') throw new Error(`it is a ${type}, and must be true or false`);
  return parsed;
}
