import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from '../clients/node_modules/playwright-core/index.d.ts';

const require = createRequire(new URL('../clients/package.json', import.meta.url));
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

export type { Browser, Page };

/** Debian's, without a window. */
export function startChromium(): Promise<Browser> {
  const { chromium } =
    require('playwright-core') as typeof import('../clients/node_modules/playwright-core/index.d.ts');
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
}

interface Finding {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** What axe finds on a page that is serious for whoever sees or hears it otherwise. https://dequeuniversity.com/rules/axe/ */
export async function assertAccessible(page: Page, what: string): Promise<void> {
  await page.evaluate(axe);
  const findings = (await page.evaluate(
    '(async () => (await axe.run(document, { resultTypes: ["violations"] })).violations)()',
  )) as Finding[];
  const serious = findings.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  const told = serious.map(
    ({ id, nodes }) =>
      `${id}: ${nodes
        .slice(0, 3)
        .map(({ html, failureSummary }) => `${html}\n${failureSummary}`)
        .join('\n')}`,
  );
  assert.deepEqual(told, [], what);
}
