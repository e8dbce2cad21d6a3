/** Tries every role at every operation of the admin API, and holds docs/roles.md to what came of it. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { startAdmin } from '#admin/index.ts';
import { grantedBy, permissions, roles, type Permission } from '#core/principal.ts';
import { control } from '../../src/admin/testing/control.ts';

const page = 'docs/roles.md';
const admin = await startAdmin({
  ...{ host: '127.0.0.1', port: 0, control },
  audit: { failure: null, write: async () => undefined },
});
after(() => admin.close());
const base = `http://127.0.0.1:${admin.port}`;

interface Operation {
  readonly summary: string;
  readonly 'x-permission': Permission | null;
  readonly security: readonly Record<string, unknown>[];
}
const { paths } = (await (await fetch(`${base}/openapi.json`)).json()) as {
  paths: Record<string, Record<string, Operation>>;
};
const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    line: `${method.toUpperCase()} ${path}`,
    operation,
  })),
);

/** What is asked for is not there, and bodies say nothing: who may ask hears so, and nothing changes. */
async function statusOf(line: string, token: string): Promise<number> {
  const [method, path] = line.split(' ') as [string, string];
  const hasBody = ['POST', 'PUT', 'PATCH'].includes(method);
  const answer = await fetch(base + path.replace(/\{\w+\}/g, 'nothing-of-this-name'), {
    method,
    redirect: 'manual',
    headers: {
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...(hasBody ? { 'content-type': 'application/json' } : {}),
    },
    ...(hasBody ? { body: '{}' } : {}),
  });
  await answer.arrayBuffer();
  return answer.status;
}

type Cell = 'yes' | 'team' | '–';

test('security 44: every role at every operation has what docs/roles.md says', async () => {
  const rows: string[] = [];
  for (const { line, operation } of operations) {
    const permission = operation['x-permission'];
    if (permission === null) continue;
    assert.equal(await statusOf(line, ''), 401, line);
    const cells: Cell[] = [];
    for (const role of roles) {
      const everywhere = await statusOf(line, role);
      const forTeam = await statusOf(line, `${role}.red`);
      for (const status of [everywhere, forTeam])
        assert.ok(status !== 401 && status < 500, `${line}: ${status}`);
      cells.push(everywhere === 403 ? '–' : forTeam === 403 ? 'yes' : 'team');
      assert.ok(everywhere !== 403 || forTeam === 403, `${line}: ${role} may do more for a team`);
    }
    rows.push(`| \`${line}\` | \`${permission}\` | ${cells.join(' | ')} |`);
  }
  assert.ok(rows.length > 50);
  const rendered = renderPage(rows);
  if (process.env['SLUICE_WRITE']) writeFileSync(page, rendered);
  assert.equal(
    readFileSync(page, 'utf8'),
    rendered,
    `${page} is not in step: SLUICE_WRITE=1 npx node --conditions=source --test test/security/admin-roles.test.ts`,
  );
});

test('security 44: every operation says who may ask, and what needs nobody tells nothing that is secret', async () => {
  const open = operations.filter(({ operation }) => operation.security.length === 0).map(({ line }) => line);
  assert.deepEqual(open, [
    'GET /openapi.json',
    'GET /healthz',
    'GET /readyz',
    'GET /metrics',
    'GET /v1/session/options',
    'GET /v1/session/sign-in',
    'GET /v1/session/callback',
  ]);
  for (const { line, operation } of operations) {
    const isEdge = operation.security.some((scheme) => 'edge' in scheme);
    assert.equal(operation['x-permission'] === null, isEdge || open.includes(line), line);
    // What is an edge node's is nobody else's, an owner's neither.
    if (isEdge)
      for (const token of ['', 'right', 'owner']) assert.equal(await statusOf(line, token), 401, line);
  }
});

function renderPage(rows: readonly string[]): string {
  const head = (first: string) => [
    `| ${first} | ${roles.join(' | ')} |`,
    `|${' --- |'.repeat(first.split('|').length + roles.length)}`,
  ];
  const granted = permissions.map((permission) => {
    const { roles: given, perTeam, allows } = grantedBy(permission);
    const cells = roles.map((role) => (given.includes(role) ? (perTeam ? 'team' : 'yes') : '–'));
    return `| \`${permission}\` | ${allows} | ${cells.join(' | ')} |`;
  });
  return `${[
    '# Roles',
    '',
    'Written by [`test/security/admin-roles.test.ts`](../test/security/admin-roles.test.ts), which tries every cell of the',
    'second table: change the roles in [`src/core/principal.ts`](../src/core/principal.ts), then run it with `SLUICE_WRITE=1`.',
    '',
    'A role is had everywhere, or for one team. `yes`: who has the role everywhere may. `team`: so may who has it for a team,',
    "for what is that team's; what is another's is not there for them (404). `–`: nobody with that role may (403). How people",
    'get roles is in [Admin API](admin-api.md#who-gets-in).',
    '',
    '## What each permission allows',
    '',
    ...head('permission | allows to'),
    ...granted,
    '',
    '## What each operation needs',
    '',
    ...head('operation | permission'),
    ...rows,
  ].join('\n')}\n`;
}
