import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseConfig } from './load.ts';
import { ConfigError, mostLike, type ConfigProblem } from './problem.ts';
import { policySchemas } from './testing/policy-schemas.ts';

const scopeOf = (env: Record<string, string> = {}, path: string | null = null) => ({
  env,
  path,
  policySchemas,
});

const parse = (text: string, env?: Record<string, string>, path?: string) =>
  parseConfig(text, scopeOf(env, path));

function problemsOf(run: () => unknown): readonly ConfigProblem[] {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems;
  }
  assert.fail('the document was taken');
}

const refused = (text: string, env?: Record<string, string>) =>
  problemsOf(() => parse(text, env)).map(
    ({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`,
  );

test('everything that is wrong is said at once, with place, expectation and what came', () => {
  assert.deepEqual(
    refused(`version: 2
listen: { port: 70000, hots: x }
drain: { grace: 30 s }
providers:
  openai: sk-a-key-in-the-wrong-place
  local: { dialect: openai-chat, baseURL: http://127.0.0.1 }
routes:
  - { name: a, match: { path: v1 }, to: { llm: {} } }
  - { name: b b, to: { http: ftp://x } }
  - { name: c, match: { path: / }, to: {} }
policies:
  - key-atuh: {}
  - key-auth: { header: [a] }
  - key-auth
projects: { web: {} }
`),
    [
      '1:10 version: expected 1, got 2',
      '2:17 listen.port: expected a whole number from 0 to 65535, got 70000',
      '2:24 listen.hots: unknown key "hots"; did you mean "host"?',
      '3:17 drain.grace: expected a duration such as "30s", "500ms" or "5min", got "30 s"',
      '5:11 providers.openai: expected a mapping, got a string',
      '6:34 providers.local.baseURL: unknown key "baseURL"; did you mean "baseUrl"?',
      '8:31 routes[0].match.path: expected a path that begins with "/" or { pattern: … }, got "v1"',
      '9:5 routes[1]: "match" is missing',
      '9:13 routes[1].name: expected a name of letters, digits, ".", "_" and "-", got "b b"',
      '9:30 routes[1].to.http: expected an http or https URL without credentials and query or a list, got "ftp://x"',
      '10:40 routes[2].to: expected { http: … } or { upstream: … } or { graphql: … } or { llm: {} } or { mcp: { servers: … } } or { redirect: … } or { static: … } or { split: … }, got a mapping',
      '12:5 policies[0].key-atuh: unknown policy "key-atuh"; did you mean "key-auth"?',
      '13:17 policies[1].key-auth.header: unknown key "header"; did you mean "headers"?',
      '14:5 policies[2]: expected one policy and its settings, such as "key-auth: {}", got a string',
      '15:13 projects.web: "team" is missing',
    ],
  );
});

test('a policy’s settings are judged by its own schema', () => {
  assert.deepEqual(
    refused(`policies:
  - rate-limit: {}
  - rate-limit: { by: day, tokens: 5, request: 1/min }
  - rate-limit: { tokens: many }
  - { key-auth: {}, rate-limit: { tokens: 1/min } }
`),
    [
      '2:5 policies[0].rate-limit: "tokens" or "requests" is missing',
      '3:23 policies[1].rate-limit.by: expected "key" or "team", got "day"',
      '3:36 policies[1].rate-limit.tokens: expected a string, got 5',
      '3:39 policies[1].rate-limit.request: unknown key "request"; did you mean "requests"?',
      '4:27 policies[2].rate-limit.tokens: must match pattern "^\\d+/min$"; got "many"',
      '5:5 policies[3]: expected one policy and its settings, such as "key-auth: {}", got a mapping',
    ],
  );
});

test('YAML that is ambiguous or hostile is refused', () => {
  assert.match(refused('listen: { port: 1 }\nlisten: { port: 2 }')[0]!, /^2:1 : Map keys must be unique/);
  assert.match(refused('state: !secret x')[0]!, /^1:8 : Unresolved tag/);
  assert.match(refused('a: [')[0]!, /^1:5 /);
  assert.match(refused('- 1')[0]!, /^1:1 : expected a mapping, .*, got a list/);
  assert.match(refused('--- {}\n--- {}')[0]!, /multiple documents/);
  const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]'];
  for (const [one, other] of ['ab', 'bc', 'cd', 'de', 'ef', 'fg', 'gh'])
    bomb.push(`${other}: &${other} [${Array(9).fill(`*${one}`).join(',')}]`);
  assert.match(refused(bomb.join('\n'))[0]!, /alias/i);
  for (const name of ['__proto__', '""', '"a/b"'])
    assert.match(refused(`teams: { ${name}: {} }`)[0]!, /is not a name of letters/);
});

test('an empty document is a good one, and so is each policy without settings', () => {
  assert.deepEqual(parse(''), {});
  assert.deepEqual(parse('policies:\n  - key-auth:\n'), { policies: [{ 'key-auth': {} }] });
});

test('references are filled in anywhere in strings, and make numbers where numbers belong', () => {
  const env = { HOST: 'h', PORT: '8081', LOG: 'false', N: '2' };
  const document = parse(
    `listen: { host: "a-\${env:HOST}.b", port: '\${env:PORT}' }
log: { access: '\${env:LOG}' }
threads: '\${env:N}'
state: '\${env:N}'`,
    env,
  );
  assert.deepEqual(document, {
    listen: { host: 'a-h.b', port: 8081 },
    log: { access: false },
    threads: 2,
    state: '2',
  });
});

test('a file is found beside the configuration and reported; its last line end is not part of it', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-config-'));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'key'), 'sk-from-a-file\n');
  const files: string[] = [];
  const document = parseConfig("providers: { o: { apiKey: '${file:key}' } }", {
    ...scopeOf({}, join(directory, 'sluice.yaml')),
    onFile: (path) => files.push(path),
  });
  assert.equal(document.providers?.['o']?.apiKey, 'sk-from-a-file');
  assert.deepEqual(files, [join(directory, 'key')]);
});

test('what cannot be filled in is named, and said once', () => {
  assert.deepEqual(
    refused("providers:\n  o: { apiKey: '${env:NO_SUCH}', baseUrl: '${file:/no/such}', dialect: '${x}' }\n"),
    [
      '2:16 providers.o.apiKey: ${env:NO_SUCH}: the environment variable is not set',
      '2:43 providers.o.baseUrl: ${file:/no/such}: cannot be read (ENOENT)',
      '2:72 providers.o.dialect: ${x} is not a reference; there are ${env:NAME}, ${file:path}, and of other places ${vault:…}, ${aws:…}, ${gcp:…}, ${kubernetes:…}',
    ],
  );
  assert.match(refused("state: 'a ${env:'")[0]!, /is not a reference/);
});

test('a reference that YAML cannot read gets told how to write it', () => {
  assert.match(refused('providers: { o: { apiKey: ${env:A} } }')[0]!, /needs quotes: '\$\{env:NAME\}'/);
});

test('prices are the text that was written, digit for digit', () => {
  const text = 'prices: { o/m: { input: 0.10, output: 1000000.000000001, cacheRead: 0.1e-1 } }';
  assert.deepEqual(refused(text), [
    '1:69 prices.o/m.cacheRead: expected a decimal amount such as "2.50", with at most nine places, got "0.1e-1"',
  ]);
  const document = parse(text.replace('0.1e-1', '0.30'));
  assert.deepEqual(document.prices, {
    'o/m': { input: '0.10', output: '1000000.000000001', cacheRead: '0.30' },
  });
});

test('no secret is ever in a message, wherever it went wrong', () => {
  const secret = 'sk-SECRET';
  const places = [
    `apiKey: [[${secret}]]`,
    `apikey: ${secret}`,
    `headers: ${secret}`,
    `headers: { a: [${secret}] }`,
    `headers: { a: "${secret}\\n" }`,
    `proxy: socks://u:${secret}@x`,
    `baseUrl: http://u:${secret}@x`,
    `tls: ${secret}`,
    `tls: { key: [${secret}] }`,
    `timeouts: ${secret}`,
    `baseUrl: '\${env:S}'`,
    `dialect: '\${env:S} \${env:S}'`,
    `timeouts: { connect: '\${env:S}' }`,
    `defaultMaxOutputTokens: '\${env:S}'`,
  ];
  for (const place of places) {
    const text = refused(`providers:\n  o: { ${place} }\n`, { S: secret }).join('\n');
    assert.ok(text.length > 0);
    assert.ok(!text.includes(secret), text);
  }
  for (const key of [
    `{ secret: ${secret}, expires: 1 }`,
    secret,
    `{ project: p, sha256: '\${env:S}' }`,
    '{ project: p, secret: short }',
  ])
    assert.ok(!/SECRET|short/.test(refused(`keys: { k: ${key} }`, { S: secret }).join()), key);
});

test('any text is taken or refused with places, and never crashes', () => {
  const words = fc.constantFrom(
    'providers',
    'routes',
    'policies',
    ': ',
    '- ',
    '\n',
    '  ',
    '{',
    '}',
    '[',
    ']',
    '${env:A}',
    '*a',
    '&a ',
    'key-auth',
    '1',
    '"',
    '?',
    '!x',
  );
  const texts = fc.oneof(
    fc.array(words, { maxLength: 30 }).map((list) => list.join('')),
    fc.string({ unit: 'binary' }),
    fc.json(),
  );
  fc.assert(
    fc.property(texts, (text) => {
      try {
        parse(text);
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error));
        for (const { line, column, message } of error.problems)
          assert.ok(line >= 0 && column >= 0 && message.length > 0);
      }
    }),
    { numRuns: process.env.SLUICE_LONG ? 20_000 : 300, seed: 13 },
  );
});

test('what was probably meant is one of the names, and an exact name means itself', () => {
  assert.equal(mostLike('opnai', ['openai', 'other']), 'openai');
  assert.equal(mostLike('zebra', ['openai', 'other']), null);
  fc.assert(
    fc.property(fc.string(), fc.array(fc.string(), { minLength: 1 }), (name, names) => {
      const found = mostLike(name, names);
      assert.ok(found === null || names.includes(found));
      assert.equal(mostLike(names[0]!, [names[0]!]), names[0]);
    }),
    { numRuns: process.env.SLUICE_LONG ? 5000 : 200, seed: 17 },
  );
});
