import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { spawnSluice } from '../../src/cli/testing/spawn-sluice.ts';
import { blocksOf } from '../harness/snippets.ts';

const mistaken = `version: 1
listen: { port: 70000 }
providers:
  local: { dialect: openai-chat, baseURL: 'http://127.0.0.1:11434/v1' }
  openai: { apiKey: '\${env:OPENAI_API_KEY}' }
models:
  fast: { targets: [local/qwen3, opnai/gpt-5-mini] }
routes:
  - { name: llm, match: { path: /v1/** }, to: { llm: {} } }
`;

test('errors are told as the page of the configuration shows them', async (context) => {
  const cwd = mkdtempSync(join(tmpdir(), 'sluice-docs-'));
  context.after(() => rmSync(cwd, { recursive: true }));
  const check = (text: string, env: Record<string, string>) => {
    writeFileSync(join(cwd, 'sluice.yaml'), text);
    return spawnSluice(['check', 'sluice.yaml'], { cwd, env });
  };
  const [form, names] = blocksOf('docs/configuration.md', 'text');
  assert.deepEqual(await check(mistaken, {}), { code: 1, out: '', err: form });
  const halfMended = mistaken.replace('70000', '7000').replace('baseURL', 'baseUrl');
  assert.deepEqual(await check(halfMended, { OPENAI_API_KEY: 'sk-x' }), {
    code: 1,
    out: '',
    err: names,
  });
  const mended = halfMended.replace('opnai', 'openai');
  assert.equal((await check(mended, { OPENAI_API_KEY: 'sk-x' })).code, 0);
});
