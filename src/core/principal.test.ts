import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { covers, permissions, reachOf, roles, type RoleGrant } from './principal.ts';

const grant = fc.record({
  role: fc.constantFrom(...roles),
  team: fc.constantFrom(null, 'red', 'blue'),
}) satisfies fc.Arbitrary<RoleGrant>;
const grants = fc.array(grant, { maxLength: 4 });
const numRuns = process.env['SLUICE_LONG'] ? 5_000 : 300;

test('owners may do everything, nobody anything without a role', () => {
  for (const permission of permissions) {
    assert.equal(reachOf({ roles: [{ role: 'owner', team: null }], scopes: null }, permission), 'all');
    assert.equal(reachOf({ roles: [], scopes: null }, permission), null);
  }
});

test('a role for a team reaches that team and never what is of nobody in particular', () => {
  for (const role of roles)
    for (const permission of permissions) {
      const reach = reachOf({ roles: [{ role, team: 'red' }], scopes: null }, permission);
      assert.notEqual(reach, 'all');
      if (reach !== null) assert.deepEqual([...reach], ['red']);
    }
  const owner = { roles: [{ role: 'owner', team: 'red' } as const], scopes: null };
  for (const permission of ['config.write', 'access.write', 'tokens.write', 'nodes.write'] as const)
    assert.equal(reachOf(owner, permission), null);
});

test('scopes only ever take away', () => {
  fc.assert(
    fc.property(grants, fc.subarray([...permissions]), (held, scopes) => {
      for (const permission of permissions) {
        const whole = reachOf({ roles: held, scopes: null }, permission);
        const limited = reachOf({ roles: held, scopes }, permission);
        assert.deepEqual(limited, scopes.includes(permission) ? whole : null);
      }
    }),
    { numRuns },
  );
});

test('what is covered gives nothing that its holder has not got', () => {
  fc.assert(
    fc.property(grants, grant, (held, asked) => {
      const gained = permissions.filter((permission) => {
        const before = reachOf({ roles: held, scopes: null }, permission);
        const after = reachOf({ roles: [...held, asked], scopes: null }, permission);
        return JSON.stringify(setOf(before)) !== JSON.stringify(setOf(after));
      });
      assert.equal(covers(held, asked), gained.length === 0);
    }),
    { numRuns },
  );
});

const setOf = (reach: ReturnType<typeof reachOf>) =>
  reach === null || reach === 'all' ? reach : [...reach].sort();
