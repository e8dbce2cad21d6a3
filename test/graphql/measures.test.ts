import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse, buildSchema, Kind, type SelectionSetNode } from '../clients/node_modules/graphql/index.js';
import { bounded, FieldPrices, usualCosts, type CostRules } from '#core/graphql/cost-rules.ts';
import { canonicalDocument } from '#core/graphql/canonical-document.ts';
import { GraphqlError } from '#core/graphql/graphql-error.ts';
import { measureOperation, type Measures } from '#core/graphql/measure.ts';
import { parseDocument } from '#core/graphql/parse-document.ts';
import { parseSchema } from '#core/graphql/parse-schema.ts';

const numRuns = process.env['SLUICE_LONG'] ? 20_000 : 300;
const sdl = `
  """ What there is """
  schema @link(url: "x", list: [1, {a: 2}]) { query: Root mutation: Change }
  directive @link(url: String!, list: [Any] = [{a: [1]}]) repeatable on | SCHEMA | FIELD_DEFINITION
  scalar Any @link(url: "y")
  enum Order { "up" ASC DESC @deprecated }
  input Where { text: String = "}" many: [Int!] = [1, 2] }
  interface Node { id: ID! }
  type Root { a: Thing, b(first: Int = 3): [Thing!]!, c(last: Int, first: Int): Page id: ID! one: Any }
  type Change { a: Thing }
  type Thing implements Node & Other @link(url: "z") { id: ID! a: Thing b(first: Int = 3, order: Order = ASC): [[Thing]] c(last: Int, first: Int): Page one: Any }
  type Page { edges: [Edge] nodes: [Thing] total: Int }
  type Edge { node: Thing a: Thing }
  union Either = | Thing | Page
  extend type Page { id: ID! a: Thing }
`;
const schema = parseSchema(sdl);
const costs: CostRules = {
  ...usualCosts,
  listSize: 4,
  weights: { Thing: 2, 'Root.a': 5, '*.one': 3, Any: 1, 'Page.edges': 7 },
};
const prices = { known: new FieldPrices(costs, schema), unknown: new FieldPrices(costs, null) };

const measured = (text: string, variables: Record<string, unknown> | null = null, by = prices.known) => {
  const document = parseDocument(text, 20_000);
  return measureOperation(document, document.operations[0]!, { prices: by, variables });
};

/** Documents whose fragments spread only later ones; none is spread within itself. */
const argument = fc.oneof(
  fc.integer({ min: -2, max: 30 }).map(String),
  fc.constantFrom('$n', '$none', '"7"', '[1, 2]', '{first: 9}', 'null'),
);
const directive = fc.constantFrom('', '', '', ' @skip(if: true)', ' @a @b(x: {y: "}"})');
const leaf = fc
  .tuple(fc.constantFrom('id', 'one', 'x: id', '__typename', 'unheard'), directive)
  .map((parts) => parts.join(''));
const { selection } = fc.letrec<{
  selection: (fragment: number) => string;
  set: (fragment: number) => string;
}>((tie) => ({
  selection: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    leaf.map((text) => () => text),
    fc.tuple(fc.nat(9), directive).map(
      ([n, more]) =>
        (from: number) =>
          from + n > 3 ? 'id' : `...F${from + n}${more}`,
    ),
    fc.tuple(fc.constantFrom('a', 'x: a', 'edges', 'nodes', 'node'), tie('set')).map(
      ([name, set]) =>
        (from: number) =>
          name + set(from),
    ),
    fc
      .tuple(
        fc.constantFrom('b', 'c', 'y: c'),
        fc.constantFrom('first', 'last', 'other'),
        argument,
        tie('set'),
      )
      .map(
        ([name, given, value, set]) =>
          (from: number) =>
            `${name}(${given}: ${value})${set(from)}`,
      ),
    fc.tuple(fc.constantFrom('', ' on Thing', ' on Page'), directive, tie('set')).map(
      ([on, more, set]) =>
        (from: number) =>
          `...${on}${more}${set(from)}`,
    ),
    fc.constant(() => '__schema { types { name } }'),
  ) as never,
  set: fc
    .array(tie('selection'), { minLength: 1, maxLength: 4 })
    .map(
      (parts) => (from: number) =>
        ` { ${(parts as ((n: number) => string)[]).map((part) => part(from)).join(' # x }\n ')} }`,
    ) as never,
}));
const set = fc
  .array(selection, { minLength: 1, maxLength: 4 })
  .map((parts) => (from: number) => `{ ${parts.map((part) => part(from)).join(', ')} }`);
const documents = fc
  .tuple(
    fc.constantFrom('query Q($n: Int = 6)', 'mutation M($n: Int) @d'),
    set,
    fc.array(set, { minLength: 4, maxLength: 4 }),
  )
  .map(([head, body, fragments]) => {
    const types = ['Thing', 'Root', 'Page', 'Thing'];
    return `${head} ${body(0)} ${fragments.map((each, i) => `fragment F${i} on ${types[i]} @f ${each(i + 1)}`).join('\n')}`;
  });

/** By the reference implementation's tree, every spread walked anew. */
function reference(
  text: string,
  variables: Record<string, unknown>,
  schemaOf: typeof schema | null,
): Omit<Measures, 'rootCosts'> {
  const document = parse(text);
  const operation = document.definitions.find((each) => each.kind === Kind.OPERATION_DEFINITION)!;
  const preset = new Map(
    (operation.variableDefinitions ?? []).flatMap(({ variable, defaultValue }) =>
      defaultValue?.kind === Kind.INT ? [[variable.name.value, Number(defaultValue.value)] as const] : [],
    ),
  );
  const found = {
    fields: 0,
    aliases: 0,
    directives: operation.directives?.length ?? 0,
    introspects: false,
    breadth: 0,
  };
  let depth = 0;
  let introspectionDepth = 0;
  const walk = (
    among: SelectionSetNode,
    type: string | null,
    at: { level: number; inside: number; inPage: boolean },
  ): { cost: number; width: number } => {
    const sums = { cost: 0, width: 0 };
    for (const each of among.selections) {
      found.directives += each.directives?.length ?? 0;
      if (each.kind !== Kind.FIELD) {
        const fragment =
          each.kind === Kind.INLINE_FRAGMENT
            ? each
            : document.definitions.find(
                (one) => one.kind === Kind.FRAGMENT_DEFINITION && one.name.value === each.name.value,
              )!;
        if (fragment.kind === Kind.FRAGMENT_DEFINITION) found.directives += fragment.directives?.length ?? 0;
        assert.ok(fragment.kind === Kind.FRAGMENT_DEFINITION || fragment.kind === Kind.INLINE_FRAGMENT);
        const inner = walk(fragment.selectionSet, fragment.typeCondition?.name.value ?? type, at);
        found.breadth = Math.max(found.breadth, inner.width);
        sums.cost += inner.cost;
        sums.width += inner.width;
        continue;
      }
      found.fields++;
      sums.width++;
      if (each.alias) found.aliases++;
      const name = each.name.value;
      const isIntrospection = name === '__schema';
      if (isIntrospection) found.introspects = true;
      const inside = isIntrospection || at.inside > 0 ? at.inside + 1 : 0;
      if (inside > 0) introspectionDepth = Math.max(introspectionDepth, at.level + 1);
      if (at.inside === 0) depth = Math.max(depth, at.level + 1);
      const known = type === null ? undefined : schemaOf?.types[type]?.[name];
      let size: number | null = null;
      for (const argument of ['first', 'last', 'limit']) {
        const given = each.arguments?.find((one) => one.name.value === argument)?.value;
        let number: number | undefined = known?.defaults?.[argument];
        if (given?.kind === Kind.INT) number = Number(given.value);
        if (given?.kind === Kind.VARIABLE)
          number =
            (variables[given.name.value] as number | undefined) ?? preset.get(given.name.value) ?? number;
        if (number !== undefined && number >= 0) size = Math.max(size ?? 0, number);
      }
      const isList = known ? known.list : size !== null;
      const times = isList ? (size ?? (at.inPage ? 1 : costs.listSize)) : 1;
      const isPage = !isList && size !== null;
      const { weights } = costs;
      const inner = each.selectionSet
        ? walk(each.selectionSet, known?.type ?? null, { level: at.level + 1, inside, inPage: isPage })
        : { cost: 0, width: 0 };
      found.breadth = Math.max(found.breadth, inner.width);
      const own = weights[known?.type ?? ''] ?? (each.selectionSet ? 1 : 0);
      sums.cost +=
        (weights[`${type}.${name}`] ?? weights[`*.${name}`] ?? 0) +
        times * own +
        (isPage ? size! : times) * inner.cost;
    }
    return sums;
  };
  const roots = schemaOf ?? { query: 'Query', mutation: 'Mutation' };
  const root = walk(operation.selectionSet, operation.operation === 'query' ? roots.query : roots.mutation, {
    level: 0,
    inside: 0,
    inPage: false,
  });
  return {
    ...found,
    breadth: Math.max(found.breadth, root.width),
    depth,
    // Counted from `__schema`, wherever that stands.
    introspectionDepth,
    rootFields: root.width,
    cost: bounded(root.cost + (operation.operation === 'mutation' ? 10 : 0)),
  };
}

test('what is measured is what a walk over the expanded operation finds, with a schema and without', () => {
  fc.assert(
    fc.property(
      documents,
      fc.record({ n: fc.integer({ min: 0, max: 50 }) }, { requiredKeys: [] }),
      (text, variables) => {
        for (const [by, known] of [
          [prices.known, schema],
          [prices.unknown, null],
        ] as const) {
          const { rootCosts, ...found } = measured(text, variables, by);
          const expected = reference(text, variables, known);
          assert.deepEqual(found, expected, text);
          const base = text.startsWith('mutation') ? 10 : 0;
          assert.equal(
            Array.from(rootCosts.values()).reduce((sum, cost) => sum + cost, base),
            found.cost,
          );
        }
      },
    ),
    { numRuns },
  );
});

test('a document is read where the reference implementation reads it, and refused where that refuses it', () => {
  const signs = fc.constantFrom(
    ...[
      '{',
      '}',
      '(',
      ')',
      '[',
      ']',
      ':',
      '=',
      '!',
      '$',
      '@',
      '...',
      '|',
      '&',
      '"x"',
      '"""b\\"""q"""',
      '#c\n',
      ',',
      '\ufeff',
    ],
    ...[
      'a',
      'on',
      'query',
      'fragment',
      'mutation',
      'true',
      'null',
      '$v',
      '1',
      '-0.5e3',
      '01',
      '1a',
      '"\\"',
      '.',
      '..',
      '\u00e9',
      '"\u{1f600}"',
      '{a}',
    ],
  );
  const broken = fc
    .tuple(documents, fc.nat(), fc.array(signs, { maxLength: 3 }), fc.nat(6))
    .map(([text, at, put, cut]) => {
      const place = at % (text.length + 1);
      return text.slice(0, place) + put.join(' ') + text.slice(place + cut);
    });
  const texts = fc.oneof(
    broken,
    fc.array(signs, { maxLength: 12 }).map((parts) => parts.join(' ')),
  );
  let read = 0;
  fc.assert(
    fc.property(texts, (text) => {
      let theirs: ReturnType<typeof parse> | null = null;
      try {
        theirs = parse(text, { noLocation: true });
        // It leaves empty selections to validation; the specification has none.
        if (JSON.stringify(theirs).includes('"selections":[]')) theirs = null;
      } catch {}
      let ours = null;
      try {
        ours = parseDocument(text, 20_000);
      } catch (error) {
        assert.ok(error instanceof GraphqlError);
        // Names that come twice are found when it is validated, there.
        if (error.kind === 'operation' || error.kind === 'fragments') return;
      }
      // Escapes within strings are the server's to judge: they end nothing.
      if (theirs === null && /\\/.test(text)) return;
      assert.equal(ours !== null, theirs !== null, JSON.stringify(text));
      if (ours === null) return;
      read++;
      const kinds = theirs!.definitions.map((each) => each.kind);
      assert.equal(ours.operations.length, kinds.filter((kind) => kind === Kind.OPERATION_DEFINITION).length);
      assert.equal(ours.fragments.size, kinds.filter((kind) => kind === Kind.FRAGMENT_DEFINITION).length);
    }),
    { numRuns: 2 * numRuns },
  );
  assert.ok(read > 10);
});

test('documents are alike whose blanks, comments and order differ alone', () => {
  const one = canonicalDocument('query A { a(x: "1, 2") ...F } fragment F on T { b }', 100);
  assert.equal(canonicalDocument('# c\nfragment F on T {b,}\n\nquery A{a(x:"1, 2"),...F}', 100), one);
  assert.notEqual(canonicalDocument('query A { a(x: "1,2") ...F } fragment F on T { b }', 100), one);
});

test('a schema says what is a list, which sizes it has by itself, and where operations begin', () => {
  assert.deepEqual([schema.query, schema.mutation], ['Root', 'Change']);
  assert.deepEqual(schema.types['Thing']!['b'], { type: 'Thing', list: true, defaults: { first: 3 } });
  assert.deepEqual(Object.keys(schema.types['Page']!), ['edges', 'nodes', 'total', 'id', 'a']);
  assert.deepEqual(schema.types['Either'], {});
  const usual = 'type Query { a(first: Int = 5): [T!] } type T { id: ID }';
  const built = buildSchema(usual);
  assert.deepEqual(Object.keys(built.getTypeMap()).includes('T'), true);
  assert.throws(() => parseSchema('type T { a: Int }'), /no type "Query"/);
  assert.throws(() => parseSchema('{"data": {}}'), /introspection/);
});

/** Each of these would take longer than the world has, walked as it stands. */
test('hostile documents come to an end, and to large figures', () => {
  const bomb = Array.from(
    { length: 200 },
    (_, i) => `fragment F${i} on T { x: a { ...F${i + 1} ...F${i + 1} } }`,
  ).join('\n');
  const exploded = measured(`{ ...F0 } ${bomb} fragment F200 on T { b(first: 1000000000) { id } }`);
  assert.deepEqual(
    [exploded.fields, exploded.cost, exploded.aliases],
    Array(3).fill(Number.MAX_SAFE_INTEGER),
  );
  assert.equal(exploded.depth, 202);
  const aliases = measured(`{ ${Array.from({ length: 6000 }, (_, i) => `a${i}: id`).join(' ')} }`);
  assert.deepEqual([aliases.aliases, aliases.breadth, aliases.rootFields], [6000, 6000, 6000]);
  assert.equal(
    measured('{ b(first: 1000000000) { b(first: 1000000000) { id } } }').cost,
    Number.MAX_SAFE_INTEGER,
  );
  assert.throws(
    () => measured('{ ...A } fragment A on T { ...B } fragment B on T { a { ...A } }'),
    /stands in itself/,
  );
  assert.throws(() => measured('{ ...A } fragment A on T { id } { id }'), /more than one operation/);
  assert.throws(() => measured('{ ...A }'), /no fragment "A"/);
  const chain = Array.from({ length: 2400 }, (_, i) => `fragment F${i} on T { ...F${i + 1} }`).join(' ');
  assert.throws(() => measured(`{ ...F0 } ${chain} fragment F2400 on T { id }`), /one another 500 deep/);
  for (const [open, close] of [
    ['{a', '}'],
    ['{a(x: [', '])}'],
    ['{a(x: {y:', '})}'],
  ]) {
    const deep =
      open!.length > 3
        ? `{a(x: ${open!.slice(6).repeat(5000)}1${close!.slice(0, -2).repeat(5000)})}`
        : `${open!.repeat(5000)}${close!.repeat(5000)}`;
    assert.throws(() => parseDocument(deep, 1_000_000), /nested deeper than 250/);
  }
  assert.throws(
    () => parseDocument(`{ ${'a '.repeat(20_000)} }`, 20_000),
    (error: GraphqlError) => error.kind === 'tokens',
  );
  assert.throws(() => parseDocument(`query(${'$a: [[[[[[Int]]]]]] '.repeat(100)}`, 20_000), GraphqlError);
  const comments = `{ a } ${'#\u{1f4a3}\ud800 }\n'.repeat(100_000)}`;
  assert.equal(parseDocument(comments, 10).tokens, 3);
  assert.throws(() => parseDocument(`{ a(x: "${'\\\\'.repeat(500_000)}`, 10), /does not end/);
});
