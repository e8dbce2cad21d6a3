import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RouteMatch } from '#core/snapshot.ts';
import { Value } from 'typebox/value';
import { resolveRedirect, resolveStatic } from './resolve-destination.ts';
import { RedirectSchema } from './schema-destination.ts';

const match = (path: RouteMatch['path'], host: string | null = null): RouteMatch => ({
  host,
  path,
  methods: null,
  conditions: [],
  clients: null,
  call: null,
});
const takes = (to: string) => Value.Check(RedirectSchema, { to });

test('a redirect whose host a request could choose is not taken', () => {
  for (const to of [
    '/a',
    '/{**}',
    '{request.path}',
    'https://a.test',
    'https://a.test/{id}',
    'http://[::1]:8/x',
    'https://{request.host}{request.path}',
  ])
    assert.ok(takes(to), to);
  for (const to of [
    '',
    'a',
    '//evil',
    '/\\evil',
    'javascript:x',
    'https://{id}/',
    'https://a.test{id}',
    'https://u@evil/',
    '/a\r\nb: c',
    '/a b',
    'https://{request.host}.evil/',
    '{id}',
    '{**}',
  ])
    assert.ok(!takes(to), to);
});

test('templates name what the path has, and stay canonical', () => {
  const told = (to: string, path: RouteMatch['path'], host: string | null = null) => {
    const messages: string[] = [];
    resolveRedirect({ to }, match(path, host), (step, message) => messages.push(`${step}: ${message}`));
    return messages;
  };
  assert.deepEqual(told('/x/{id}/{**}', '/users/{id}/**'), []);
  assert.match(told('/x/{ip}', '/users/{id}')[0]!, /^to\.redirect\.to: \{ip\} is not in the route's path/);
  assert.match(told('/x/{**}', '/users/{id}')[0]!, /not in the route's path/);
  assert.match(told('/x/{id', '/users/{id}')[0]!, /expected \{name\}/);
  assert.match(told('/x/../{id}', '/users/{id}')[0]!, /dot segments/);
  assert.match(told('/x/%0d%0a', '/users/{id}')[0]!, /delimiters/);
  assert.match(told('https://{request.host}/', '/a')[0]!, /match\.host/);
  assert.deepEqual(told('https://{request.host}/', '/a', 'a.test'), []);
});

test('a static answer frames itself, and has a type', () => {
  const messages: string[] = [];
  const add = (step: string) => void messages.push(step);
  assert.deepEqual(resolveStatic({ body: 'x' }, add).headers, ['content-type', 'text/plain; charset=utf-8']);
  assert.deepEqual(messages, []);
  resolveStatic({ headers: { 'Content-Length': '5' }, status: 204, body: 'x' }, add);
  assert.deepEqual(messages, ['to.static.headers', 'to.static.body']);
});
