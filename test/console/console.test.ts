/** The console in a real browser, in both languages, while traffic flows. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { spawnSluice } from '../../src/cli/testing/spawn-sluice.ts';
import { buildConsole } from '../../scripts/build-console.ts';
import { assertAccessible, startChromium, type Browser, type Page } from '../harness/chromium.ts';
import { adminToken, startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

const withinMs = 60_000;
/** Where pictures for the documentation are put; unset: none are taken. */
const pictures = process.env['SLUICE_SCREENSHOTS'];

const words = {
  en: {
    token: 'Admin token or personal token',
    submit: 'Sign in',
    overview: 'Overview',
    exchanges: 'Exchanges',
    used: 'Used',
    bill: 'Bill',
  },
  zh: {
    token: '管理令牌或个人令牌',
    submit: '登录',
    overview: '总览',
    exchanges: '请求',
    used: '用量',
    bill: '账单',
  },
} as const;
type Language = keyof typeof words;

const directory = buildConsole();
let gateway: TestGateway;
let browser: Browser;
let flowing = true;
let flow: Promise<void>;

before(async () => {
  gateway = await startTestGateway({ consoleDirectory: directory });
  browser = await startChromium();
  flow = flowTraffic();
});
after(async () => {
  flowing = false;
  await flow;
  await browser.close();
  await gateway.stop();
});

/** Calls to two models, plain calls, and calls without a key. */
async function flowTraffic(): Promise<void> {
  for (let i = 0; flowing; i++) {
    const model = i % 3 === 0 ? 'claude-sonnet-4-5' : 'gpt-5-mini';
    const headers = {
      'content-type': 'application/json',
      ...(i % 7 ? { authorization: `Bearer ${testKey}` } : {}),
    };
    const body = JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'Say hello' }] });
    const calls = [
      fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers, body }),
      fetch(`${gateway.url}/open/v1/models`, { headers: { authorization: 'Bearer sk-upstream' } }),
    ];
    for (const call of calls) await (await call).arrayBuffer();
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

interface Opened {
  readonly page: Page;
  /** What the browser complained of, such as styles that the policy of the page forbids. */
  readonly complaints: string[];
}

async function open(language: Language, colorScheme: 'light' | 'dark' = 'light'): Promise<Opened> {
  const context = await browser.newContext({ locale: language === 'zh' ? 'zh-CN' : 'en-GB', colorScheme });
  const page = await context.newPage();
  page.setDefaultTimeout(withinMs);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of 40[13]/.test(message.text()))
      complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  return { page, complaints };
}

async function signIn(page: Page, { language, token = adminToken }: { language: Language; token?: string }) {
  const { token: label, submit, overview } = words[language];
  await page.goto(`${gateway.adminUrl}/`);
  await page.getByLabel(label, { exact: true }).first().fill(token);
  await page.getByRole('button', { name: submit, exact: true }).click();
  await page.getByRole('heading', { level: 1, name: overview }).waitFor();
}

async function picture(page: Page, name: string): Promise<void> {
  if (!pictures) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`) });
}

describe('the console in a browser', { timeout: 300_000 }, () => {
  for (const [language, scheme] of [
    ['en', 'light'],
    ['zh', 'dark'],
  ] as const)
    test(`${language}, ${scheme}: signs in, sees what passes and what was used, follows one exchange to its bill`, async () => {
      const { page, complaints } = await open(language, scheme);
      const say = words[language];
      await page.goto(`${gateway.adminUrl}/`);
      await page.getByRole('button', { name: say.submit, exact: true }).waitFor();
      assert.equal(await page.locator('html').getAttribute('lang'), language === 'zh' ? 'zh-Hans' : 'en');
      await assertAccessible(page, 'signing in');
      await signIn(page, { language });

      await page.locator('[data-figure="requests"]').filter({ hasText: /[1-9]/ }).waitFor();
      const used = page.getByRole('region', { name: say.used });
      await used.getByText('red').first().waitFor();
      await assertAccessible(page, 'the overview');
      await picture(page, `overview-${language}`);

      await page.getByRole('link', { name: say.exchanges, exact: true }).click();
      await page.getByRole('heading', { level: 1, name: say.exchanges }).waitFor();
      const row = page.getByRole('row').filter({ hasText: 'claude-sonnet-4-5' }).first();
      await row.waitFor();
      await assertAccessible(page, 'exchanges');
      await picture(page, `exchanges-${language}`);
      await row.getByRole('link').click();
      await page.getByRole('heading', { level: 2, name: say.bill }).waitFor();
      const id = /exchanges\/([0-9A-Z]{26})$/.exec(page.url())?.[1];
      const receipt = (await (await gateway.admin(`/v1/receipts/${id}`)).json()) as {
        attempts: { provider: string; lines: { costNano: string }[] }[];
      };
      assert.equal(receipt.attempts[0]!.provider, 'a');
      const lines = await page.getByRole('region', { name: say.bill }).locator('tbody tr').count();
      assert.equal(lines, receipt.attempts.flatMap(({ lines: each }) => each).length);
      await assertAccessible(page, 'one exchange');
      await picture(page, `exchange-${language}`);
      assert.deepEqual(complaints, []);
      await page.context().close();
    });

  test('a wrong token is told so, and what it was is not kept', async () => {
    const { page } = await open('en');
    await page.goto(`${gateway.adminUrl}/`);
    await page.getByLabel(words.en.token, { exact: true }).first().fill('wrong');
    await page.getByRole('button', { name: words.en.submit, exact: true }).click();
    await page.getByRole('alert').getByText('This token is not known').waitFor();
    assert.equal(await page.evaluate('sessionStorage.length'), 0);
    await page.context().close();
  });

  test('who has a role for a team sees what is that team’s; what is hidden is refused by the gateway, too', async () => {
    const made = await gateway.admin('/v1/tokens', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'dev', roles: [{ role: 'developer', team: 'red' }] }),
    });
    const { secret } = (await made.json()) as { secret: string };
    const { page, complaints } = await open('en');
    await signIn(page, { language: 'en', token: secret });
    await page.getByText('What passes now is shown to roles that hold everywhere').waitFor();
    await page.getByRole('region', { name: 'Used' }).getByText('red').first().waitFor();
    assert.equal(await page.locator('[data-figure]').count(), 0);
    const live = await fetch(`${gateway.adminUrl}/v1/live`, {
      headers: { authorization: `Bearer ${secret}` },
    });
    assert.equal(live.status, 403);
    const other = await fetch(`${gateway.adminUrl}/v1/receipts?team=blue`, {
      headers: { authorization: `Bearer ${secret}` },
    });
    assert.equal(other.status, 404);
    assert.deepEqual(complaints, []);
    await page.context().close();
  });

  test('by keyboard alone, on a phone, in another language', async () => {
    const { page } = await open('en');
    await page.setViewportSize({ width: 360, height: 740 });
    await signIn(page, { language: 'en' });
    const width = (await page.evaluate('document.documentElement.scrollWidth')) as number;
    assert.ok(width <= 360, `${width}`);
    await page.getByRole('button', { name: 'Open navigation' }).focus();
    await page.keyboard.press('Enter');
    const link = page.getByRole('link', { name: 'Exchanges', exact: true });
    await link.focus();
    await page.keyboard.press('Enter');
    const title = page.getByRole('heading', { level: 1, name: 'Exchanges' });
    await title.waitFor();
    assert.equal(await page.evaluate('document.activeElement.tagName'), 'H1', 'where one is, is read out');
    await page.getByRole('button', { name: 'Open navigation' }).click();
    await page.getByLabel('Language').locator('visible=true').selectOption('zh');
    await page.getByRole('heading', { level: 1, name: '请求' }).waitFor();
    await page.context().close();
  });
});

test('`sluice top` tells of the same feed in a terminal', async () => {
  const args = ['top', '--once', '--admin', gateway.adminUrl];
  const env = { SLUICE_ADMIN_TOKEN: adminToken };
  const { code, out, err } = await spawnSluice(args, { cwd: gateway.stateDirectory, env });
  assert.equal(code, 0, err);
  assert.match(out, /open streams \d+/);
  assert.match(out, /^route +requests\/s/m);
});

describe('its files', () => {
  test('all together are below 400 KB, packed as they are sent', () => {
    const assets = join(directory, 'assets');
    const packed = readdirSync(assets).filter((name) => name.endsWith('.gz'));
    const bytes = packed.reduce((sum, name) => sum + statSync(join(assets, name)).size, 0);
    assert.ok(bytes > 50_000 && bytes < 400_000, `${bytes}`);
  });

  test('are kept by browsers for good, come packed; the page is neither kept nor put into others, and runs nothing of others', async () => {
    const page = await fetch(`${gateway.adminUrl}/console/exchanges?project=web`);
    const text = await page.text();
    assert.equal(page.headers.get('cache-control'), 'no-store');
    const policy = page.headers.get('content-security-policy')!;
    const nonce = /'nonce-([^']+)'/.exec(policy)![1]!;
    assert.match(policy, /default-src 'none'.*script-src 'self';.*frame-ancestors 'none'/);
    assert.ok(text.includes(nonce) && !text.includes('NONCE-OF-THIS-ANSWER'));
    assert.doesNotMatch(text, /<script(?![^>]* src=)|https?:/);
    const again = await fetch(`${gateway.adminUrl}/console/`);
    assert.ok(!(await again.text()).includes(nonce), 'each answer has its own');
    for (const [asked, encoding] of [
      ['gzip, br', 'br'],
      ['gzip', 'gzip'],
      ['identity', null],
    ] as const) {
      const script = await fetch(gateway.adminUrl + /src="([^"]+\.js)"/.exec(text)![1]!, {
        headers: { 'accept-encoding': asked },
      });
      assert.equal(script.headers.get('content-encoding'), encoding);
      assert.match(script.headers.get('cache-control')!, /immutable/);
      assert.match(await script.text(), /createElement/);
    }
    for (const path of ['assets/none.js', 'assets/..%2findex.html', 'assets/../../package.json'])
      assert.doesNotMatch(
        await (await fetch(`${gateway.adminUrl}/console/${path}`)).text(),
        /"dependencies"/,
        path,
      );
    assert.equal((await fetch(`${gateway.adminUrl}/console/assets/none.js`)).status, 404);
  });
});
