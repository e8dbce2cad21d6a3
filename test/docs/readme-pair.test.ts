import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blocksOf, readPage, spansOf } from './pages.ts';

const english = 'README.md';
const chinese = 'README.zh-CN.md';

/** Depths of headings, kinds of list entries and paragraphs aside: what two languages have in common. */
const outlineOf = (page: string) =>
  [...readPage(page).matchAll(/^(#{1,6}) |^(- )\*\*|^(```)\w+$/gm)].map(([, heading, entry]) =>
    heading ? `${heading.length}` : entry ? 'entry' : 'block',
  );

/** A page may greet in its own language; whatever else a block says is the same. */
const neutral = (text: string) => text.replaceAll(/Say hello|你好/g, 'GREETING');

test('headings, claims and blocks follow each other alike in both READMEs', () => {
  const outline = outlineOf(english);
  assert.ok(outline.length > 15, String(outline.length));
  assert.deepEqual(outlineOf(chinese), outline);
});

test('blocks of both READMEs are the same, but for the greeting', () => {
  const blocks = (page: string) => blocksOf(page).map(({ language, text }) => [language, neutral(text)]);
  assert.ok(blocks(english).length >= 5);
  assert.deepEqual(blocks(chinese), blocks(english));
});

test('code and links within the text are the same in both READMEs', () => {
  assert.deepEqual(spansOf(chinese).sort(), spansOf(english).sort());
  const links = (page: string) =>
    [...readPage(page).matchAll(/\]\(([^)]+)\)/g)]
      .map((match) => match[1]!)
      .filter((link) => !link.startsWith('README'))
      .sort();
  assert.ok(links(english).length > 10);
  assert.deepEqual(links(chinese), links(english));
});
