export { checkCallExpression, compileCallRules } from './call-rules.ts';
export { tellProblem, type ExpressionProblem } from './compile-expression.ts';
export { checkExchangeExpression, compileExchangeRule } from './exchange-rules.ts';
