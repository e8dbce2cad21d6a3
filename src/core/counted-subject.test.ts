import assert from 'node:assert/strict';
import { test } from 'node:test';
import { networkOf } from './counted-subject.ts';

test('an IPv6 network of 64 bits is one caller; an IPv4 address in IPv6 is itself', () => {
  for (const address of ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff', '2001:0db8:0001:0002::'])
    assert.equal(networkOf(address), '2001:db8:1:2::/64', address);
  assert.equal(networkOf('::1'), '0:0:0:0::/64');
  assert.equal(networkOf('2001:db8::5'), '2001:db8:0:0::/64');
  assert.equal(networkOf('::ffff:10.0.0.1'), '10.0.0.1');
  assert.equal(networkOf('10.0.0.1'), '10.0.0.1');
});
