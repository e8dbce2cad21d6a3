import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConsumerCredential } from '#core/consumer.ts';
import { Problems } from './problem.ts';
import { resolveCredentials } from './resolve-credentials.ts';
import type { ConfigDocument } from './schema.ts';

const salt = Buffer.alloc(16, 1).toString('base64');
const digest = Buffer.alloc(32, 2).toString('base64');

function resolve(consumers: Record<string, object>): { credentials: ConsumerCredential[]; message: string } {
  const problems = new Problems('');
  const credentials = resolveCredentials({ consumers } as unknown as ConfigDocument, problems);
  try {
    problems.throwIfAny('x');
    return { credentials, message: '' };
  } catch (thrown) {
    return { credentials, message: (thrown as Error).message };
  }
}

test('a password is kept as a hash, and a hash as what a check of it takes', () => {
  const hashes = {
    scrypt: `$scrypt$ln=14,r=8,p=1$${salt}$${digest}`,
    argon2id: `$argon2id$v=19$m=19456,t=2,p=1$${salt}$${digest}`,
  };
  const { credentials, message } = resolve({
    ann: { basic: { password: 'secret' } },
    bob: { basic: { user: 'robert', passwordHash: hashes.scrypt } },
    eve: { basic: { passwordHash: hashes.argon2id } },
  });
  assert.equal(message, '');
  assert.doesNotMatch(JSON.stringify(credentials), /secret/);
  const checks = credentials.map((each) => (each.kind === 'password' ? [each.user, each.check] : []));
  assert.deepEqual(checks.slice(1), [
    ['robert', { scheme: 'scrypt', cost: 16384, blockSize: 8, parallelization: 1, salt, digest }],
    ['eve', { scheme: 'argon2id', memoryKib: 19456, passes: 2, lanes: 1, salt, digest }],
  ]);
});

test('one credential is one consumer alone', () => {
  const key = { id: 'k', secret: 'a secret of sixteen' };
  const { message } = resolve({
    ann: { basic: { password: 'a' }, hmac: [key], certificates: [{ sha256: 'AB'.repeat(32) }] },
    bob: { basic: { user: 'ann', password: 'b' }, hmac: [key], certificates: [{ sha256: 'ab'.repeat(32) }] },
  });
  for (const what of ['user name', 'key id', 'certificate'])
    assert.ok(message.includes(`the consumer "ann" has the same ${what}`), what);
});

test('what cannot be a credential is refused', () => {
  const problems: [object, RegExp][] = [
    [{ basic: {} }, /expected either "password" or "passwordHash"/],
    [{ basic: { password: 'a', passwordHash: 'b' } }, /expected either "password" or "passwordHash"/],
    [{ basic: { passwordHash: '$2b$10$abc' } }, /expected a hash by scrypt or argon2/],
    [{ basic: { passwordHash: `$scrypt$ln=30,r=8,p=1$${salt}$${digest}` } }, /more than 256 MiB/],
    [{ basic: { passwordHash: `$scrypt$ln=14,r=0,p=1$${salt}$${digest}` } }, /begin at 1/],
    [{ basic: { passwordHash: `$scrypt$ln=14,r=8,p=1$AAAA$${digest}` } }, /a salt of 8/],
    [{ basic: { passwordHash: `$argon2id$v=19$m=4,t=2,p=1$${salt}$${digest}` } }, /m at 8 times p/],
    [{ hmac: [{ id: 'a', secret: 'base64:AAAA' }] }, /at least 16 bytes/],
    [{ certificates: [{}] }, /either "sha256", or "subject", or "san"/],
    [{ certificates: [{ san: 'DNS:a', subject: 'CN=a' }] }, /either "sha256", or "subject", or "san"/],
  ];
  for (const [consumer, message] of problems) assert.match(resolve({ ann: consumer }).message, message);
});
