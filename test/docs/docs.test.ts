import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

test('the page of faults is made from the registry', () => {
  const { status, stdout } = spawnSync(process.execPath, ['scripts/write-faults.ts', '--check'], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout);
});

test('links between pages lead somewhere', () => {
  const pages = readdirSync('.', { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.md') && !file.includes('node_modules') && !file.startsWith('dist'),
  );
  const broken = pages.flatMap((page) =>
    [...readFileSync(page, 'utf8').matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
      .map((match) => match[1]!)
      .filter((link) => !/^[a-z]+:/.test(link) && !existsSync(join(dirname(page), link)))
      .map((link) => `${page} → ${link}`),
  );
  assert.deepEqual(broken, []);
});

for (const place of ['docs/metering.md', 'docs/dialects/surprises.md'])
  test(`every proof that ${place} names is a test that exists`, () => {
    const page = readFileSync(place, 'utf8');
    const proofs = [...page.matchAll(/\]\(([^)]+\.test\.ts)\): (“[^”]+”(?:, “[^”]+”)*)/g)].flatMap((match) =>
      [...match[2]!.matchAll(/“([^”]+)”/g)].map((name) => ({
        file: join(dirname(place), match[1]!),
        name: name[1]!,
      })),
    );
    assert.ok(proofs.length > 5);
    const testsIn = (file: string) =>
      [
        ...readFileSync(file, 'utf8').matchAll(
          /\b(?:test|describe|onEachStore)\(\s*(['"`])((?:(?!\1).)*)\1/g,
        ),
      ].map((match) => match[2]!.replaceAll("\\'", "'"));
    const missing = proofs.filter(({ file, name }) => !existsSync(file) || !testsIn(file).includes(name));
    assert.deepEqual(missing, []);
    const rows = page.split('\n').filter((line) => /^\| \d+ \|/.test(line));
    assert.ok(
      rows.every((row) => /“[^”]+” \|$/.test(row)),
      'a case without a proof',
    );
  });

test('every case of metering stands on its page', () => {
  const page = readFileSync('docs/metering.md', 'utf8');
  const rows = page.split('\n').filter((line) => /^\| \d+ \|/.test(line));
  const cases = rows.map((row) => Number(row.split('|')[1]));
  for (let number = 1; number <= 33; number++) assert.ok(cases.includes(number), `case ${number}`);
});

test('every attack that the page on security names is made by the test it names', () => {
  const page = readFileSync('docs/security.md', 'utf8');
  const files = readdirSync('test/security').filter((file) => file.endsWith('.test.ts'));
  assert.deepEqual(
    files.filter((file) => !page.includes(`(../test/security/${file})`)),
    [],
    'tests that the page does not name',
  );
  const rows = page.matchAll(/^\| (\d+) \|.*\| (\[.*) \|$/gm);
  const numbers = [...rows].map(([, number, proofs]) => {
    const files = [...proofs!.matchAll(/\]\(\.\.\/([^)]+)\)/g)].map((match) =>
      readFileSync(match[1]!, 'utf8'),
    );
    const titles = files.flatMap((text) => [...text.matchAll(/security ([\d–, and]+):/g)].map((m) => m[1]!));
    const named = titles.some((title) => {
      const [from, to] = title.split('–').map(Number);
      return to ? Number(number) >= from! && Number(number) <= to : title.split(/ and |, /).includes(number!);
    });
    assert.ok(named, `no test of ${number} in the files named`);
    return Number(number);
  });
  assert.deepEqual(
    [
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 25, 26, 27, 28, 29, 30, 31,
      32, 33, 34, 35, 37, 42, 43, 46, 47, 48, 49, 50, 51, 52, 61, 62,
    ].filter((n) => !numbers.includes(n)),
    [],
  );
});
