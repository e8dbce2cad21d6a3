import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createConsumerDirectory } from './consumer-directory.ts';
import type { ConsumerCredential } from './consumer.ts';

const consumer = (name: string) => ({
  ...{ id: `consumer:${name}`, name, consumer: name, project: 'p', team: 't', groups: [], models: null },
});
const certificate = (name: string, by: 'sha256' | 'subject' | 'san', value: string): ConsumerCredential => ({
  ...{ consumer: name, kind: 'certificate', by, value },
});
const shown = (fingerprint256: string, subject: string, ...alternativeNames: string[]) => ({
  ...{ fingerprint256, subject, alternativeNames },
});

test('a certificate is found by its fingerprint, else its subject, else one of its names', () => {
  const directory = createConsumerDirectory(
    [consumer('a'), consumer('b'), consumer('c')],
    [
      certificate('a', 'sha256', '00'),
      certificate('b', 'subject', 'CN=robot'),
      certificate('c', 'san', 'DNS:robot.test'),
      certificate('gone', 'san', 'DNS:gone.test'),
    ],
  );
  const find = (...of: Parameters<typeof shown>) => directory.findCertificate(shown(...of))?.name;
  assert.equal(find('00', 'CN=robot', 'DNS:robot.test'), 'a');
  assert.equal(find('01', 'CN=robot', 'DNS:robot.test'), 'b');
  assert.equal(find('01', 'CN=other', 'DNS:x', 'DNS:robot.test'), 'c');
  assert.equal(find('01', 'CN=other', 'URI:robot.test'), undefined);
  assert.equal(find('01', 'CN=other', 'DNS:gone.test'), undefined);
  assert.equal(directory.findCertificate(shown('00', ''))!.id, 'certificate:a');
});

test('a certificate that fits two is of neither', () => {
  const directory = createConsumerDirectory(
    [consumer('a'), consumer('b')],
    [
      certificate('a', 'san', 'DNS:a.test'),
      certificate('a', 'san', 'DNS:a2.test'),
      certificate('b', 'san', 'DNS:b.test'),
    ],
  );
  assert.equal(directory.findCertificate(shown('0', '', 'DNS:a.test', 'DNS:a2.test'))?.name, 'a');
  assert.equal(directory.findCertificate(shown('0', '', 'DNS:a.test', 'DNS:b.test')), undefined);
});
