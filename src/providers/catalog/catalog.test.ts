import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calcPrice, findProvider } from '@pydantic/genai-prices';
import { catalog } from './index.ts';

const records = [...catalog.values()];

for (const record of records) {
  test(`${record.name} is a well-formed record`, () => {
    assert.match(record.name, /^[a-z0-9][a-z0-9-]*$/);
    assert.equal(catalog.get(record.name), record);
    assert.ok(record.title.trim());
    assert.ok(
      [
        'openai-chat',
        'anthropic-messages',
        'cohere-chat',
        'ollama-chat',
        'gemini-generate',
        'bedrock-converse',
      ].includes(record.dialect),
      record.dialect,
    );
    assert.match(record.source, /^https:\/\//);
    if (record.baseUrl !== null && !record.baseUrl.startsWith('builtin:')) {
      const url = new URL(record.baseUrl);
      assert.ok(!record.baseUrl.endsWith('/'));
      assert.equal(url.search + url.hash + url.username + url.password, '');
      // A key must never travel in the clear; what needs none may be on this machine.
      assert.equal(url.protocol, record.credential ? 'https:' : 'http:');
    }
    if (record.credential) {
      assert.match(record.credential.header, /^[a-z0-9-]+$/);
      // What is signed needs none.
      if (record.variable !== null || !record.signer)
        assert.match(record.variable ?? '', /^[A-Z0-9_]+_API_KEY$|^AWS_BEARER_TOKEN_BEDROCK$/);
    }
    for (const names of [record.models, record.modelPrefixes]) {
      assert.equal(new Set(names).size, names.length, 'names twice');
      for (const name of names) assert.match(name, /^[A-Za-z0-9][\w./:-]*$/);
    }
  });
}

test('no two providers read the same variable, or claim the same bare names', () => {
  const variables = records.map((record) => record.variable).filter((variable) => variable !== null);
  assert.equal(new Set(variables).size, variables.length);
  const prefixes = records.flatMap((record) => record.modelPrefixes);
  for (const [i, one] of prefixes.entries())
    for (const other of prefixes.slice(i + 1)) assert.ok(!one.startsWith(other) && !other.startsWith(one));
});

test('every listed model of a provider with a price list has a price in it', () => {
  for (const { name, priceList, models } of records) {
    if (priceList === null) continue;
    assert.ok(findProvider({ providerId: priceList }), name);
    for (const model of models) {
      assert.equal(
        calcPrice({}, model, { providerId: priceList })?.provider.id,
        priceList,
        `${name}/${model}`,
      );
    }
  }
});
