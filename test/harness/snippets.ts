import { readFileSync } from 'node:fs';

/** Texts of the fenced blocks of a page, in their order. */
export function blocksOf(page: string, language: string): string[] {
  const fence = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms');
  return [...readFileSync(page, 'utf8').matchAll(fence)].map((match) => match[1]!);
}

/** Commands of ours in the running text of a page: `sluice …`, and the short forms that stand beside one. */
export function commandsOf(page: string): string[] {
  const text = readFileSync(page, 'utf8');
  return [
    ...text.matchAll(
      /`(?:npm run sluice -- |sluice )?((?:start|check|status|explain|keys|ledger) [^`\n]+|status)`/g,
    ),
  ].map((match) => match[1]!);
}
