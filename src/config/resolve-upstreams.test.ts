import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from './load.ts';
import { Problems } from './problem.ts';
import { resolveUpstreams } from './resolve-upstreams.ts';

/** The groups, or what is said of the document. */
function groupsOf(yaml: string) {
  const text = `upstreams:\n  g: ${yaml}\n`;
  const document = parseConfig(text, { env: {}, path: null, policySchemas: new Map() });
  const problems = new Problems(text);
  const groups = resolveUpstreams(document, '/etc/sluice/sluice.yaml', problems);
  problems.throwIfAny('sluice.yaml');
  return groups['g']!;
}

test('what a group says wrong is refused in words', () => {
  const cases: [string, RegExp][] = [
    ['{}', /"targets" or "discover" is missing/],
    ['{ discover: {} }', /"dns" or "file" or "http" is missing/],
    [
      "{ targets: ['http://a.test'], discover: { file: { path: a } } }",
      /either "targets" or "discover", got both/,
    ],
    [
      '{ discover: { file: { path: a }, dns: { name: a.test, port: 1 } } }',
      /one of "dns", "file" and "http"/,
    ],
    ['{ discover: { dns: { name: a.test } } }', /"port" is missing: A records have none/],
    ['{ discover: { dns: { name: a.test, type: SRV, port: 80 } } }', /SRV records have ports of their own/],
    ['{ discover: { dns: { name: "a b", port: 1 } } }', /expected a DNS name, got "a b"/],
    ['{ discover: { http: { url: "http://u:p@a.test" } } }', /without credentials/],
    ["{ targets: ['http://a.test'], health: { active: {} } }", /"path" or "tcp" is missing/],
    [
      "{ targets: ['http://a.test'], health: { active: { path: /, tcp: true } } }",
      /either "path" or "tcp", got both/,
    ],
    ["{ targets: ['http://a.test'], health: { active: { tcp: true, method: GET } } }", /belongs to "path"/],
    [
      "{ targets: ['http://a.test'], health: { active: { path: /, expect: { status: [300-200] } } } }",
      /is empty/,
    ],
  ];
  for (const [yaml, message] of cases) assert.throws(() => groupsOf(yaml), message, yaml);
});

test('defaults, and a path that is relative to the configuration', () => {
  const { discovery } = groupsOf('{ discover: { file: { path: members/a.yaml } } }');
  assert.deepEqual(discovery, {
    source: { kind: 'file', path: '/etc/sluice/members/a.yaml' },
    startupWaitMs: 10_000,
  });
  const { health } = groupsOf("{ targets: ['http://a.test'], health: { active: { path: /up } } }");
  assert.deepEqual(health, {
    probe: {
      kind: 'http',
      method: 'GET',
      path: '/up',
      headers: [],
      statuses: [[200, 299]],
      bodyContains: null,
    },
    ...{ everyMs: 10_000, timeoutMs: 2000, healthyAfter: 2, unhealthyAfter: 3, jitter: 0.1, port: null },
  });
});
