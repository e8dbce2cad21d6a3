import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { emptyFolder, startCommand } from '../harness/command.ts';

const pause = () => new Promise((resolve) => setTimeout(resolve, 10));

const good = `version: 1
providers: { simulated: {} }
routes:
  - { name: llm, match: { path: /v1/** }, to: { llm: {} } }
`;

test('a change with a mistake is refused by line and column, the old one serves on, a good one holds', async (t) => {
  const cwd = emptyFolder();
  const file = join(cwd, 'sluice.yaml');
  writeFileSync(file, good);
  const gateway = await startCommand(t, { cwd, args: ['--config', 'sluice.yaml'] });
  const until = async (said: RegExp) => {
    for (const end = Date.now() + 10_000; !said.test(gateway.said()); await pause())
      assert.ok(Date.now() < end, `waited in vain for ${said.source}; it said: ${gateway.said()}`);
  };
  const status = async (path: string) => (await fetch(gateway.url + path)).status;
  assert.equal(await status('/v1/models'), 401);

  writeFileSync(file, good.replace('match:', 'mach:'));
  await until(
    /configuration refused, the old one serves on:\n[^]*sluice\.yaml:4:18: routes\[0\]\.mach: .*did you mean "match"\?/,
  );
  assert.equal(await status('/v1/models'), 401);

  // What only the maker of a policy can tell is refused in the same way, and holds nothing up.
  writeFileSync(file, `${good}policies: [{ cors: { origins: ['*'], credentials: true } }]\n`);
  await until(
    /refused, the old one serves on:\n[^]*cors: "\*" lets every page in; with credentials, name the origins/,
  );

  writeFileSync(file, good.replace('/v1/**', '/other/v1/**'));
  await until(/configuration 2 is in force/);
  assert.equal(await status('/v1/models'), 404);
  assert.equal(await gateway.stop(), 0);
});
