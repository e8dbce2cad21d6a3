import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '#core/fault.ts';
import { headerOf } from '#core/head.ts';
import { grpcFault } from './grpc-fault.ts';

test('each fault has the code of gRPC that its clients act upon', () => {
  const codes = {
    'request/malformed': 3,
    'auth/no-credential': 16,
    'access/model': 7,
    'route/not-found': 12,
    'request/timeout': 4,
    'request/body-too-large': 8,
    'limit/exceeded': 8,
    'upstream/rate-limited': 8,
    'upstream/connect': 14,
    'upstream/unavailable': 14,
    'upstream/header-timeout': 4,
    'gateway/draining': 14,
    'client/gone': 1,
    'request/loop': 13,
    'gateway/internal': 13,
    'request/expectation': 2,
  } as const;
  for (const [code, expected] of Object.entries(codes)) {
    const headers = grpcFault(new Fault(code as keyof typeof codes, 'x'));
    assert.equal(headerOf(headers, 'grpc-status'), String(expected), code);
  }
});

test('a message is percent-encoded UTF-8', () => {
  const headers = grpcFault(new Fault('limit/exceeded', '100 % of für\r\ndrei'));
  assert.equal(headerOf(headers, 'grpc-message'), '100 %25 of f%C3%BCr%0D%0Adrei');
});
