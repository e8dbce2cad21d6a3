import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Fault } from './fault.ts';
import { boundaryOf, parseForm, spliceForm } from './form.ts';

const runs = process.env['SLUICE_LONG'] ? 3000 : 150;

/** Written and read by the platform's own form, which shares no code with ours. */
async function written(entries: readonly (readonly [string, string | Uint8Array])[]) {
  const form = new FormData();
  for (const [name, value] of entries)
    if (typeof value === 'string') form.append(name, value);
    else form.append(name, new Blob([value as Uint8Array<ArrayBuffer>], { type: 'image/png' }), 'a.png');
  const request = new Response(form);
  return {
    contentType: request.headers.get('content-type')!,
    bytes: Buffer.from(await request.arrayBuffer()),
  };
}

const hex = (value: string | Buffer): string => Buffer.from(value as string).toString('hex');

async function readBack(bytes: Buffer, contentType: string) {
  const form = await new Response(new Uint8Array(bytes), {
    headers: { 'content-type': contentType },
  }).formData();
  return Promise.all(
    [...form].map(async ([name, value]): Promise<[string, string]> => [
      name,
      typeof value === 'string' ? hex(value) : hex(Buffer.from(await value.arrayBuffer())),
    ]),
  );
}

// Line breaks in texts are made CRLF by the standard's own encoding.
const texts = fc
  .string({ unit: 'grapheme', maxLength: 40 })
  .map((text) => text.replaceAll(/\r\n?|\n/g, '\r\n'));
const names = fc.constantFrom('model', 'prompt', 'n', 'größe', 'a "quoted" one', 'list[]');
const files = fc.uint8Array({ maxLength: 200 });
const entries = fc.array(fc.tuple(names, fc.oneof(texts, files)), { minLength: 1, maxLength: 8 });

describe('forms', () => {
  test('are read as they were written', () =>
    fc.assert(
      fc.asyncProperty(entries, async (given) => {
        const { bytes, contentType } = await written(given);
        const { json, fields } = parseForm(bytes, contentType, boundaryOf(contentType)!);
        assert.deepEqual(
          fields.map(({ key }) => key),
          given.map(([name]) => name),
        );
        for (const [i, { valueStart, valueEnd }] of fields.entries()) {
          const [, value] = given[i]!;
          assert.ok(bytes.subarray(valueStart, valueEnd).equals(Buffer.from(value as string)));
        }
        for (const [name, value] of given) {
          const key = name.replace(/\[\]$/, '');
          const shown =
            typeof value === 'string'
              ? value
              : { filename: 'a.png', mediaType: 'image/png', bytes: value.length };
          assert.ok(
            [json[key]].flat().some((one) => JSON.stringify(one) === JSON.stringify(shown)),
            name,
          );
        }
      }),
      { numRuns: runs, seed: 11 },
    ));

  test('keep every byte but those of the fields that are set, removed or added', () =>
    fc.assert(
      fc.asyncProperty(entries, texts, fc.boolean(), async (given, text, removes) => {
        const { bytes, contentType } = await written([['first', 'x'], ...given]);
        const form = parseForm(bytes, contentType, boundaryOf(contentType)!);
        const edits = new Map<string, string | null>([
          ['model', JSON.stringify(text)],
          ['n', removes ? null : '7'],
        ]);
        const came = await readBack(spliceForm(bytes, form, edits), contentType);
        const before = await readBack(bytes, contentType);
        const set = new Map([['model', hex(text)], ...(removes ? [] : [['n', hex('7')] as const])]);
        const expected = before
          .filter(([name]) => !(removes && name === 'n'))
          .map(([name, value]) => [name, set.get(name) ?? value]);
        for (const [name, value] of set)
          if (!before.some(([known]) => known === name)) expected.push([name, value]);
        assert.deepEqual(came, expected);
        assert.ok(spliceForm(bytes, form, new Map()).equals(bytes));
      }),
      { numRuns: runs, seed: 12 },
    ));

  test('whatever comes is read or refused, in time that grows with it', () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.constantFrom(
            '--B',
            '\r\n',
            '--B--',
            'Content-Disposition: form-data; name="a"',
            '"',
            'x',
            '\r\n\r\n',
          ),
          { maxLength: 30 },
        ),
        (pieces) => {
          try {
            parseForm(Buffer.from(pieces.join('')), 'multipart/form-data; boundary=B', 'B');
          } catch (error) {
            assert.ok(error instanceof Fault && error.code === 'request/body-not-form', String(error));
          }
        },
      ),
      { numRuns: runs * 10, seed: 13 },
    ));

  test('a boundary is one of RFC 2046', () => {
    assert.equal(boundaryOf('application/json'), null);
    assert.equal(boundaryOf(undefined), null);
    assert.equal(boundaryOf('multipart/form-data; charset=utf-8; boundary="a b"'), 'a b');
    assert.equal(boundaryOf('Multipart/Form-Data;boundary=----x'), '----x');
    for (const wrong of [
      'multipart/form-data',
      'multipart/form-data; boundary=',
      `multipart/form-data; boundary=${'x'.repeat(71)}`,
    ])
      assert.throws(() => boundaryOf(wrong), { code: 'request/body-not-form' });
  });
});
