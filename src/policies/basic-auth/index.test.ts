import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { NamedConsumer, PasswordCheck, PasswordOwner } from '#core/consumer.ts';
import { Fault } from '#core/fault.ts';
import { PasswordChecks } from './password-checks.ts';
import { readPassword } from './read-password.ts';

const consumer = { name: 'ann' } as NamedConsumer;
const owner = (check: PasswordCheck): PasswordOwner => ({ consumer, check });
const page = readFileSync(new URL('./README.md', import.meta.url), 'utf8');

const checkOf = (phc: string): PasswordCheck => {
  const [, , parameters, salt, digest] = phc.trim().split('$');
  const [ln, r, p] = [...parameters!.matchAll(/\d+/g)].map(Number);
  return {
    scheme: 'scrypt',
    cost: 2 ** ln!,
    blockSize: r!,
    parallelization: p!,
    salt: salt!,
    digest: digest!,
  };
};

test('the hash on the page is that of "open sesame", and its command makes others', async () => {
  const [written] = /\$scrypt\$ln=15,r=8,p=1\$[A-Za-z0-9+/=]{20,}\$[A-Za-z0-9+/=]{40,}/.exec(page)!;
  const script = /node -e '([^']+)' PASSWORD/.exec(page)![1]!;
  const made = execFileSync(process.execPath, ['-e', script, 'another'], { encoding: 'utf8' });
  for (const [phc, password] of [
    [written, 'open sesame'],
    [made, 'another'],
  ] as const) {
    const checks = new PasswordChecks([]);
    assert.equal(await checks.check(owner(checkOf(phc)), { user: 'ann', password }), true);
    assert.equal(await checks.check(owner(checkOf(phc)), { user: 'ann', password: `${password} ` }), false);
  }
});

test(
  'argon2 is checked, too',
  { skip: !('argon2Sync' in (await import('node:crypto'))) && 'older Node' },
  async () => {
    const { argon2Sync } = await import('node:crypto');
    const nonce = Buffer.from('a salt of sixteen');
    const digest = argon2Sync('argon2id', {
      ...{ message: 'secret', nonce, parallelism: 1, tagLength: 32, memory: 64, passes: 1 },
    });
    const check: PasswordCheck = {
      ...{ scheme: 'argon2id', memoryKib: 64, passes: 1, lanes: 1 },
      ...{ salt: nonce.toString('base64'), digest: digest.toString('base64') },
    };
    const checks = new PasswordChecks([owner(check)]);
    assert.equal(await checks.check(owner(check), { user: 'a', password: 'secret' }), true);
    assert.equal(await checks.check(owner(check), { user: 'a', password: 'Secret' }), false);
  },
);

test('a right password is known again, a wrong one is hashed each time, and so is that of nobody', async () => {
  const slow: PasswordCheck = checkOf(
    `$scrypt$ln=1,r=1,p=1$${Buffer.alloc(16).toString('base64')}$${Buffer.alloc(32).toString('base64')}`,
  );
  const checks = new PasswordChecks([owner(slow)]);
  const nobody = checks.check(undefined, { user: 'x', password: 'y' });
  assert.ok(nobody instanceof Promise);
  assert.equal(await nobody, false);
  const fast = owner({ scheme: 'sha256', digest: hash('sha256', 'secret', 'base64') });
  assert.equal(checks.check(fast, { user: 'x', password: 'secret' }), true);
  assert.equal(checks.check(fast, { user: 'x', password: 'secre' }), false);
});

test('no more than so many slow hashes are in line', async () => {
  const phc = /\$scrypt\$ln=15,r=8,p=1\$[A-Za-z0-9+/=]{20,}\$[A-Za-z0-9+/=]{40,}/.exec(page)![0];
  // Small enough to be quick, and each of them takes a turn at least.
  const check = { ...checkOf(phc), cost: 2 } as PasswordCheck;
  const checks = new PasswordChecks([owner(check)]);
  const pending = Array.from({ length: 32 }, (_, i) =>
    checks.check(owner(check), { user: 'a', password: `${i}` }),
  );
  assert.throws(
    () => checks.check(owner(check), { user: 'a', password: 'more' }),
    (thrown) => thrown instanceof Fault && thrown.code === 'auth/unavailable',
  );
  assert.deepEqual([...new Set(await Promise.all(pending))], [false]);
  assert.equal(await checks.check(owner(check), { user: 'a', password: 'more' }), false);
});

test('what is no password is told apart', () => {
  const basic = (text: string, encoding: BufferEncoding = 'utf8') =>
    readPassword(`Basic ${Buffer.from(text, encoding).toString('base64')}`);
  assert.deepEqual(basic('a:b:c'), { user: 'a', password: 'b:c' });
  assert.deepEqual(basic('e\u0301:'), { user: '\u00e9', password: '' });
  assert.deepEqual(readPassword('bAsIc  YTpi'), { user: 'a', password: 'b' });
  assert.equal(basic('ab'), null);
  assert.equal(basic('a:\n'), null);
  assert.equal(basic('\xe9:a', 'latin1'), null);
  for (const header of [
    'Basic',
    'Basic ',
    'Basic YTpi YTpi',
    'Basic a:b',
    'BasicYTpi',
    'Bearer YTpi',
    'Basic YT=pi',
  ])
    assert.equal(readPassword(header), null, header);
});
