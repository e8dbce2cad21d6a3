import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Place } from './places.ts';
import { Templates } from './templates.ts';

const runs = process.env['SLUICE_LONG'] ? 20_000 : 500;
const templates = new Templates();
const render = (source: string, place: Place, values: object = {}) =>
  templates.compile(source, { place }).render(values);

test('values are written as their place wants them', () => {
  const values = { a: 'x"\n<b>&\\', n: 5, list: [1, 'two'], deep: { b: [true, null] } };
  assert.equal(
    render('{{ a }}|{{ n }}|{{ list }}|{{ deep }}|{{ none }}', 'text', values),
    'x"\n<b>&\\|5|[1,"two"]|{"b":[true,null]}|',
  );
  assert.equal(render('<i>{{ a }}</i>', 'html', values), '<i>x&quot;\n&lt;b&gt;&amp;\\</i>');
  assert.equal(render('v {{- a }} w', 'header', values), 'vx" <b>&\\ w');
  assert.equal(render('/a/{{ a }}', 'url', values), '/a/x%22%0A%3Cb%3E%26%5C');
  const json =
    '{"a":{{ a }},"s":"say {{ a -}} \\" {{ n }}","l":{{ list }},"d":{{ deep.b[0] }},"no":{{ none }}}';
  assert.deepEqual(JSON.parse(render(json, 'json', values)), {
    ...{ a: values.a, s: `say ${values.a}" 5`, l: values.list, d: true, no: null },
  });
});

test('control flow and filters', () => {
  const source =
    '[{% for i in list %}{% unless forloop.first %},{% endunless %}{{ i | upcase }}{% endfor %}]';
  assert.equal(render(source, 'json', { list: ['a', 'b'] }), '["A","B"]');
  assert.equal(
    render('{% if a == "}}" %}{{ a | append: "}}" }}{% else %}no{% endif %}', 'text', { a: '}}' }),
    '}}}}',
  );
  assert.equal(render("{{ '{{' }}", 'text'), '{{');
});

describe('what a template may not', () => {
  for (const tag of [
    'include "a"',
    'render "a"',
    'layout "a"',
    'echo a',
    'cycle "a"',
    'liquid',
    'increment a',
    'tablerow i in a',
    'raw',
  ])
    test(`{% ${tag} %}`, () => assert.throws(() => render(`{% ${tag} %}`, 'text'), /not found/));
  for (const filter of ['raw', 'find_exp: "a", "b"', 'strip_html', 'inspect', 'xml_escape'])
    test(`| ${filter}`, () =>
      assert.throws(() => render(`{{ "a" | ${filter} }}`, 'text'), /undefined filter/));

  test('be too large, run too long, or make too much', () => {
    assert.throws(() => render(`{{ a }}${'x'.repeat(70_000)}`, 'text'), /at most 65536/);
    const loop = '{% for i in (1..20000) %}{% for j in (1..20000) %}.{% endfor %}{% endfor %}';
    assert.throws(() => render(loop, 'text'), /limit exceeded/);
    assert.throws(() => render('{% for i in (1..100000000) %}{% endfor %}', 'text'), /limit exceeded/);
    const doubling =
      '{% assign a = "xxxxxxxx" %}{% for i in (1..40) %}{% assign a = a | append: a %}{% endfor %}';
    assert.throws(() => render(doubling, 'text'), /limit exceeded/);
    const long = { a: 'x'.repeat(100_000) };
    assert.throws(
      () => render('{% for i in (1..1000) %}{{ a }}{% endfor %}', 'text', long),
      /4000000 characters/,
    );
  });

  test('say what a strict one lacks', () => {
    const strict = templates.compile('{{ a.b }}', { place: 'text', strict: true });
    assert.throws(() => strict.render({}), /undefined variable/);
    assert.equal(strict.render({ a: { b: 1 } }), '1');
  });

  test('reach what is not a value’s own', () => {
    for (const path of ['constructor', '__proto__', 'a.constructor.name', 'a.toString', 'a.__proto__.x'])
      assert.equal(render(`{{ ${path} }}`, 'text', { a: { b: 1 } }), '', path);
  });

  test('give what is no JSON', () => {
    assert.throws(() => render('{"a": {% if x %}1{% endif %}}', 'json'), /not JSON/);
  });
});

/** Whatever comes in a request's body. */
const anything = fc.jsonValue({ maxDepth: 3 });
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom('\r\nx: y', '"}', '{{ a }}', '</p>', '\u2028'),
);
const value = fc.oneof(text, anything);

test('whatever the values, JSON stays JSON, and says them', () => {
  const compiled = templates.compile('{"whole":{{ v }},"in":"<{{ v }}>","{{ v }}":1}', { place: 'json' });
  fc.assert(
    fc.property(value, (v) => {
      const { whole, in: inside } = JSON.parse(compiled.render({ v })) as { whole: unknown; in: string };
      assert.deepEqual(whole, JSON.parse(JSON.stringify(v).toWellFormed()));
      if (typeof v === 'string') assert.equal(inside, `<${v.toWellFormed()}>`);
    }),
    { numRuns: runs },
  );
});

test('whatever the values, a field stays one line, HTML keeps its tags, and a path its segments', () => {
  const header = templates.compile('a {{ v }}\r\nb: {{ v }}', { place: 'header' });
  const html = templates.compile('<p title="{{ v }}">{{ v }}</p>', { place: 'html' });
  const url = templates.compile('/{{ v }}/', { place: 'url' });
  fc.assert(
    fc.property(value, (v) => {
      assert.match(header.render({ v }), /^[\t\x20-\x7e\x80-\xff]*$/);
      assert.match(html.render({ v }), /^<p title="[^<>"]*">[^<>"]*<\/p>$/);
      assert.match(url.render({ v }), /^\/[^/?#\s]*\/$/);
    }),
    { numRuns: runs },
  );
});

test('an arbitrary template gives a text, or an error that says why', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '{{',
      '}}',
      '{%',
      '%}',
      '{%-',
      '-%}',
      '"',
      "'",
      '|',
      ':',
      ',',
      '(',
      ')',
      '..',
      '[',
      ']',
      '.',
      ' ',
    ),
    fc.constantFrom(
      'if',
      'endif',
      'for',
      'in',
      'endfor',
      'assign',
      'case',
      'when',
      'capture',
      'endcapture',
      'a',
      'v',
      'append',
      '#',
    ),
    fc.constantFrom(
      '{{ v }}',
      '{% for i in v %}',
      '{% if v %}',
      '{% else %}',
      '{% endif %}',
      '{% endfor %}',
      '{{ v | size }}',
    ),
    fc.string({ maxLength: 4 }),
  );
  const places = fc.constantFrom<Place>('text', 'json', 'html', 'header', 'url');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), places, anything, (pieces, place, v) => {
      let out = '';
      try {
        out = render(pieces.join(''), place, { v, a: 1 });
      } catch (thrown) {
        assert.ok(thrown instanceof Error && thrown.message !== '');
        return;
      }
      if (place === 'header') assert.match(out, /^[\t\x20-\x7e\x80-\xff]*$/);
      if (place === 'json') JSON.parse(out);
    }),
    { numRuns: runs },
  );
});
