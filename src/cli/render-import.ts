import type { ImportReport, Outcome } from '#import/index.ts';
import { visible } from './render-table.ts';

const titles: Readonly<Record<Outcome, string>> = {
  'not-carried': 'Not carried over',
  differs: 'Carried over, and different',
  carried: 'Carried over',
};

/** For people: what needs their attention first. */
export function renderReport({ lines, variables }: ImportReport): string {
  const parts: string[] = [];
  for (const outcome of ['not-carried', 'differs', 'carried'] as const) {
    const told = lines.filter((line) => line.outcome === outcome);
    if (told.length === 0) continue;
    parts.push(`${titles[outcome]} (${told.length}):`);
    for (const { place, note } of told) parts.push(`  ${place === '' ? '(the document)' : place}: ${note}`);
  }
  if (variables.size > 0) {
    parts.push('Set these variables before you start:');
    for (const [name, purpose] of variables) parts.push(`  ${name}: ${purpose}`);
  }
  return `${parts.map(visible).join('\n')}\n`;
}

/** For programs. */
export const reportJson = ({ lines, variables }: ImportReport) => ({
  carried: lines.filter(({ outcome }) => outcome === 'carried').length,
  differs: lines.filter(({ outcome }) => outcome === 'differs').length,
  notCarried: lines.filter(({ outcome }) => outcome === 'not-carried').length,
  lines,
  variables: Object.fromEntries(variables),
});
