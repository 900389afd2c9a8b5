/**
 * Debian's Chromium, headless, driven by playwright-core. Each test gets a context of its own, with an empty store. A page
 * that logs an error, or throws, fails the test that looks at `faults`.
 */
import axe from 'axe-core';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { isRoot } from './part.ts';
import { chromiumPath } from './real-parts.ts';

/** @throws Error without Chromium */
export async function openBrowser(): Promise<Browser> {
  const executablePath = chromiumPath();
  if (executablePath === null) throw new Error('Chromium is not installed');
  // Chromium refuses to run its sandbox as root.
  return await chromium.launch({ executablePath, args: isRoot() ? ['--no-sandbox'] : [], timeout: 30_000 });
}

export interface OpenPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What the page logged as an error or threw, such as a violation of its policy. */
  readonly faults: string[];
}

export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<OpenPage> {
  const context = await browser.newContext({ locale: 'en-US', timezoneId: 'UTC', ...options });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    // Chromium logs each status that is not 200, which the pages show themselves.
    if (message.type() === 'error' && !/^Failed to load resource/.test(message.text())) faults.push(message.text());
  });
  return { page, context, faults };
}

/** What axe-core finds, or one of its rules, each with its element. It is evaluated, because the policy of the page allows no other script. */
export async function violationsIn(page: Page, only: string | null = null): Promise<string[]> {
  const isThere = await page.evaluate(() => 'axe' in globalThis);
  if (!isThere) await page.evaluate(axe.source);
  return await page.evaluate(async (rule) => {
    const { axe: runner } = globalThis as unknown as {
      axe: {
        run(
          options: object,
        ): Promise<{ violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[] }>;
      };
    };
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const runOnly = rule === null ? { type: 'tag', values: tags } : { type: 'rule', values: [rule] };
    const { violations } = await runner.run({ runOnly, resultTypes: ['violations'] });
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
    );
  }, only);
}

/** How much wider the page is than its window; 0 if it does not scroll sideways. */
export async function sidewaysPixels(page: Page): Promise<number> {
  return await page.evaluate(() => {
    const { document: shown } = globalThis as unknown as {
      document: { documentElement: { scrollWidth: number; clientWidth: number } };
    };
    return shown.documentElement.scrollWidth - shown.documentElement.clientWidth;
  });
}
