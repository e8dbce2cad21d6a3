import type { ConfigDifference } from '#core/contracts/control-plane.ts';
import { visible } from './render-table.ts';

const signs = { added: '+', removed: '-', changed: '~', moved: '%' } as const;

/** One line for each difference, by path. */
export const renderChanges = (changes: readonly ConfigDifference[]): string =>
  changes
    .map((each) => `${signs[each.change]} ${visible(each.path || 'document')}${detailOf(each)}\n`)
    .join('');

function detailOf({ change, before, after }: ConfigDifference): string {
  const [was, is] = [before, after].map((value) => visible(JSON.stringify(value)));
  if (change === 'added') return `: ${is}`;
  if (change === 'removed') return `: ${was}`;
  return `: ${was} → ${is}`;
}
