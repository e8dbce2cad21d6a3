export { checkCallExpression, compileCallRules, type ExpressionProblem } from './call-rules.ts';
