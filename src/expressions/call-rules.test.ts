import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallFacts } from '#core/call-facts.ts';
import { checkCallExpression, compileCallRules } from './index.ts';

const facts: CallFacts = {
  call: {
    model: 'chat',
    dialect: 'openai-chat',
    stream: true,
    promptTokens: 120,
    promptCharacters: 480,
    messages: 2,
    tools: 0,
    images: 0,
    documents: 0,
    audios: 0,
    videos: 0,
    maxOutputTokens: 0,
    choices: 1,
    reasoning: false,
    effort: '',
    format: 'text',
    language: 'de',
  },
  request: {
    method: 'POST',
    host: 'h',
    path: '/v1/chat/completions',
    client: '::1',
    headers: { 'x-tier': 'gold' },
  },
  key: { id: 'k1', name: 'web', project: 'shop', team: 'red' },
  consumer: { id: 'k1', name: '', project: 'shop', team: 'red', groups: ['gold'] },
  claims: { plan: 'pro' },
  time: { hour: 13, weekday: 2 },
};

const chosen = (...expressions: string[]) => {
  const failures: string[] = [];
  const rule = compileCallRules(expressions).choose(facts, (at, message) =>
    failures.push(`${at}: ${message}`),
  );
  return { rule, failures };
};

const unexpected = (rule: number, message: string) => assert.fail(`${rule}: ${message}`);

test('the first rule that holds is chosen', () => {
  assert.deepEqual(chosen('call.tools > 0', 'call.promptTokens < 500 && call.tools == 0', 'true'), {
    rule: 1,
    failures: [],
  });
  assert.equal(chosen('call.images > 0').rule, -1);
  assert.equal(chosen('call.language in ["en", "de"] && time.weekday <= 5').rule, 0);
  assert.equal(chosen('"gold" in consumer.groups && claims.plan == "pro" && consumer.name == ""').rule, 0);
  assert.equal(chosen('key.team == "red" && request.headers["x-tier"] == "gold"').rule, 0);
});

test('a rule that fails does not hold, and is reported', () => {
  const { rule, failures } = chosen('request.headers["x-none"] == "a"', 'true');
  assert.equal(rule, 1);
  assert.match(failures.join(), /^0: No such key: x-none/);
});

test('facts are found out only when they are asked for', () => {
  const asked: string[] = [];
  const watched = {
    ...facts,
    call: new Proxy(facts.call, { get: (call, name) => (asked.push(String(name)), Reflect.get(call, name)) }),
  };
  compileCallRules(['call.tools > 0 && call.language == "de"']).choose(watched, unexpected);
  assert.deepEqual(asked, ['tools']);
});

test('matches looks anywhere in the text, and takes time linear in it', () => {
  assert.equal(chosen('call.model.matches("^ch.t$")').rule, 0);
  assert.equal(chosen('call.model.matches("ha")').rule, 0);
  assert.equal(chosen('call.model.matches("a$")').rule, -1);
  assert.equal(chosen('call.model.matches("x") || request.path.matches("v1/(chat|x)")').rule, 0);
  // In a backtracking engine this one takes longer than anybody waits.
  const long = { ...facts, call: { ...facts.call, model: `${'a'.repeat(50_000)}!` } };
  assert.equal(compileCallRules(['call.model.matches("^(a+)+$")']).choose(long, unexpected), -1);
});

test('what is wrong with an expression is said with its place', () => {
  const problems: Readonly<Record<string, RegExp>> = {
    'call.promptToken < 5': /No such key: promptToken/,
    'call.promptTokens < "5"': /no such overload: int < string/,
    'call.promptTokens': /it is a int, and must be true or false/,
    'calls.tools > 0': /calls/,
    'call.tools >': /Unexpected token/,
    'call.model.matches(key.name)': /must be written out/,
    'call.model.matches("(")': /the pattern of "matches"/,
    [`${'true && '.repeat(400)}true`]: /longer than|limit|maximum|exceed/i,
  };
  for (const [expression, message] of Object.entries(problems))
    assert.match(checkCallExpression(expression)?.message ?? 'nothing is wrong', message);
  assert.equal(checkCallExpression('call.tools == 0 && cal.x')?.at, 19);
  assert.equal(checkCallExpression('call.tools == 0'), null);
});
