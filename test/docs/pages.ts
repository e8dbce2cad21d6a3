import { readdirSync, readFileSync } from 'node:fs';

export interface Block {
  /** `README.md:15`, to be found in an editor. */
  readonly at: string;
  readonly page: string;
  /** The word after the fence; empty where there is none. */
  readonly language: string;
  readonly text: string;
}

/** Paths of all pages, from the top of the repository. */
export const pages: readonly string[] = readdirSync('.', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.md') && !path.includes('node_modules') && !path.startsWith('dist'))
  .sort();

export const readPage = (page: string): string => readFileSync(page, 'utf8');

/** Fenced blocks of a page (CommonMark, section 4.5), in their order. */
export function blocksOf(page: string): Block[] {
  const text = readPage(page);
  return [...text.matchAll(/^```(.*)\n([^]*?)^```$/gm)].map((match) => ({
    at: `${page}:${text.slice(0, match.index).split('\n').length}`,
    page,
    language: match[1]!.trim(),
    text: match[2]!,
  }));
}

/** Code spans of a page outside of its blocks, line breaks read as spaces (CommonMark, section 6.1). */
export function spansOf(page: string): string[] {
  const prose = readPage(page).replaceAll(/^```[^]*?^```$/gm, '');
  return [...prose.matchAll(/(?<!`)`([^`]+)`(?!`)/g)].map((match) => match[1]!.replaceAll('\n', ' '));
}

export const blockOf = (page: string, language: string): Block => {
  const found = blocksOf(page).find((block) => block.language === language);
  if (!found) throw new Error(`${page} has no block of ${language}`);
  return found;
};
