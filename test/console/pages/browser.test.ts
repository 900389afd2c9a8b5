// The pages about the service in a real browser: accessibility of each state, the keyboard, the stream of the log, and what a
// hidden tab or an ended session does.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readPageFiles } from '#console/server/page-files.ts';
import type { Control } from '#control/control.ts';
import type { Followed } from '#control/follow.ts';
import { realFiles } from '#system/real-files.ts';
import { PAGE_STATES } from '#test/console/fixtures/page-states.ts';
import { type OpenPage, openBrowser, openPage, sidewaysPixels, violationsIn } from '#test/support/console-browser.ts';
import {
  aSession,
  PAGE_KEY,
  type PageServer,
  RefusedAnswer,
  startPageServer,
  untilAborted,
} from '#test/support/console-pages.ts';
import { ConsoleRig } from '#test/support/console-rig.ts';
import { aDiagnosis, aStatus, fakeControl } from '#test/support/fake-control.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { bundleConsole, writeConsole } from '#tools/console-bundle.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

/** Without SALLYPORT_EVERY_PAGE=1 the first state of each page: all of them take a minute. */
const STATES =
  process.env['SALLYPORT_EVERY_PAGE'] === '1'
    ? PAGE_STATES
    : PAGE_STATES.filter(({ page }, index) => PAGE_STATES.findIndex((one) => one.page === page) === index);

describeWith(['chromium'], 'pages', () => {
  let browser: Browser;
  let server: PageServer;
  beforeAll(async () => {
    [browser, server] = await Promise.all([openBrowser(), startPageServer()]);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  /** A page that has exchanged its key. */
  async function opened(place: string, width = 1_280): Promise<OpenPage> {
    const found = await openPage(browser, { viewport: { width, height: 900 } });
    await found.page.goto(`${server.url}#${PAGE_KEY}`);
    await found.page.getByRole('navigation').waitFor();
    await found.page.goto(`${server.url}#/${place}`);
    return found;
  }

  describe('states', () => {
    /** For all states, of which there are many. */
    let shared: OpenPage;
    beforeAll(async () => {
      shared = await opened('overview');
    });
    afterAll(async () => await shared.context.close());

    it.each(STATES)('pages: $page, $state: no violation in both themes at 320 and 1280 px', async (state) => {
      server.show(state.world());
      const { page, faults } = shared;
      faults.length = 0;
      await page.setViewportSize({ width: 1_280, height: 900 });
      await page.goto(`${server.url}#/${state.page}`);
      await page.reload();
      await state.act?.(page);
      await page.getByText(state.shows).first().waitFor();
      const found: string[] = [];
      for (const width of [1_280, 320]) {
        await page.setViewportSize({ width, height: 900 });
        expect(await sidewaysPixels(page), `${width} px`).toBe(0);
        // Only the contrast depends on the theme.
        for (const [colorScheme, rule] of [
          ['light', null],
          ['dark', 'color-contrast'],
        ] as const) {
          await page.emulateMedia({ colorScheme });
          found.push(...(await violationsIn(page, rule)).map((one) => `${colorScheme} ${width}: ${one}`));
        }
      }
      expect(found).toEqual([]);
      expect(faults).toEqual([]);
    });
  });

  it('pages: axe reports a picture without a text, so that the check can fail', async () => {
    server.show({});
    const { page, context } = await opened('overview');
    await page.evaluate(() => {
      const { document: shown } = globalThis as unknown as {
        document: { body: { append(node: unknown): void }; createElement(name: string): unknown };
      };
      shown.body.append(shown.createElement('img'));
    });
    expect((await violationsIn(page)).join()).toContain('image-alt');
    await context.close();
  });

  it('pages: the link of a real console opens every page, with its policy and its headers', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-pages-'));
    writeConsole(await bundleConsole(), folder);
    const pages = await readPageFiles(realFiles, folder);
    rmSync(folder, { recursive: true });
    const rig = await ConsoleRig.start({ pages, control: fakeControl(), text: TWO_PROXIES });
    const { page, context, faults } = await openPage(browser, { viewport: { width: 1_280, height: 900 } });
    await page.goto(`http://127.0.0.1:${rig.port}/#${rig.key}`);
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    const names = await page.getByRole('navigation').getByRole('link').allTextContents();
    expect(names.length).toBeGreaterThanOrEqual(13);
    for (const name of names) {
      await page.getByRole('link', { name, exact: true }).click();
      await page.getByRole('heading', { name, exact: true, level: 1 }).waitFor();
      expect(await focused(page)).toBe(name);
      for (const width of [1_280, 900, 320]) {
        await page.setViewportSize({ width, height: 900 });
        expect(await sidewaysPixels(page), `${name} at ${width} px`).toBe(0);
      }
      expect(await violationsIn(page), name).toEqual([]);
      await page.setViewportSize({ width: 1_280, height: 900 });
    }
    expect(faults).toEqual([]);
    await context.close();
    await rig.close();
  });

  it('pages: the key leaves the address before anything is shown, and works once', async () => {
    server.show({});
    const { page, context } = await openPage(browser);
    await page.goto(`${server.url}#${PAGE_KEY}`);
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    expect(page.url()).toBe(server.url);
    await context.clearCookies();
    await page.evaluate('localStorage.clear()');
    await page.goto(`${server.url}#wrong`);
    await page.reload();
    await page.getByText('This link was used').waitFor();
    await context.close();
  });

  it('pages: a page of another port cannot show the console in a frame', async () => {
    const rig = await ConsoleRig.start({ control: fakeControl() });
    const plain = createServer((request, response) => {
      const framed = request.url === '/framed' ? '<h1>Framed</h1>' : '';
      const frames = `<iframe name="other" src="/framed"></iframe><iframe name="console" src="http://127.0.0.1:${rig.port}/"></iframe>`;
      response.writeHead(200, { 'content-type': 'text/html' }).end(framed === '' ? frames : framed);
    });
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    const { page, context } = await openPage(browser);
    await page.goto(`http://127.0.0.1:${(plain.address() as AddressInfo).port}/`);
    // A frame as such works.
    await page.frameLocator('iframe[name=other]').getByText('Framed').waitFor();
    await expect.poll(() => page.frame('console')?.url(), { timeout: 20_000 }).toMatch(/^chrome-error:/);
    await context.close();
    plain.close();
    await rig.close();
  });

  it('pages: without a session, and after its end, only what to do is shown', async () => {
    server.show({});
    const { page, context } = await openPage(browser);
    await page.goto(server.url);
    await page.getByRole('heading', { name: 'Open the console with its link' }).waitFor();
    expect(await violationsIn(page)).toEqual([]);
    const second = await opened('overview');
    server.show({
      routes: {
        'POST /api/verbs/status': () => {
          throw new RefusedAnswer(401, { code: 'CONSOLE-SESSION', message: 'This session has ended.' });
        },
      },
    });
    await second.page.evaluate(LOOK_AGAIN);
    await second.page.getByRole('heading', { name: 'This session has ended' }).waitFor();
    expect(await violationsIn(second.page)).toEqual([]);
    await Promise.all([context.close(), second.context.close()]);
  });

  it('pages: a hidden tab closes its stream and sends nothing', async () => {
    server.show({ control: fakeControl({ follow: (_request, _onEvent, signal) => untilAborted(signal) }) });
    const { page, context } = await opened('overview');
    await vi.waitFor(() => expect(server.openStreams()).toBe(1), { timeout: 10_000 });
    await hide(page, true);
    await vi.waitFor(() => expect(server.openStreams()).toBe(0), { timeout: 10_000 });
    const before = server.requests.length;
    await page.waitForTimeout(500);
    expect(server.requests.length).toBe(before);
    await hide(page, false);
    await vi.waitFor(() => expect(server.openStreams()).toBe(1), { timeout: 10_000 });
    await context.close();
  });

  it('pages: a restart of the service and a lost console are said, and the last status stays', async () => {
    server.show({});
    const { page, context } = await opened('overview');
    await page.getByText('Nothing waits for you.').waitFor();
    const { main } = aStatus();
    server.show({
      control: fakeControl({
        status: () => Promise.resolve(aStatus({ main: { ...main, pid: 9_999, since: '2026-11-20T01:00:00.000Z' } })),
      }),
    });
    await page.evaluate(LOOK_AGAIN);
    await page.getByText('The service was restarted while this page was open').waitFor();
    await page.route('**/api/**', (route) => route.abort());
    await page.evaluate(LOOK_AGAIN);
    await page.getByText('Disconnected from the console').waitFor();
    expect(await page.getByText('Nothing waits for you.').count()).toBe(1);
    expect(await violationsIn(page)).toEqual([]);
    await context.close();
  });

  it('pages: by keyboard alone, a test is started, and focus goes to the heading of each page', async () => {
    server.show({ control: fakeControl({ diagnose: () => Promise.resolve(aDiagnosis()) }) });
    const { page, context } = await opened('overview');
    await page.getByRole('link', { name: 'Diagnose' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Diagnose', level: 1 }).waitFor();
    expect(await focused(page)).toBe('Diagnose');
    for (let tries = 0; (await focused(page)) !== 'Start the test'; tries += 1) {
      expect(tries).toBeLessThan(10);
      await page.keyboard.press('Tab');
    }
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Result' }).waitFor();
    await context.close();
  });

  it('pages: who may only look finds no button that acts, and the name of the group', async () => {
    const session = aSession({ may: { look: true, operate: false, change: false }, authority: 'look' });
    const check = vi.fn<Control['check']>();
    server.show({ session, control: fakeControl({ check }) });
    const { page, context } = await opened('overview');
    await page.getByText('You may only look').waitFor();
    const button = page.getByRole('button', { name: 'Check for updates now' });
    await button.click({ force: true });
    expect(await button.getAttribute('title')).toContain('sallyport-admin');
    expect(check).not.toHaveBeenCalled();
    await context.close();
  });

  it('pages: with forced colors and reduced motion nothing moves, and states keep their words', async () => {
    server.show(PAGE_STATES.find(({ state }) => state === 'troubled')?.world() ?? {});
    const { page, context } = await opened('overview');
    await page.emulateMedia({ forcedColors: 'active', reducedMotion: 'reduce' });
    await page.getByText('Critical').first().waitFor();
    expect(await page.evaluate('document.getAnimations().length')).toBe(0);
    expect(await violationsIn(page)).toEqual([]);
    await context.close();
  });

  it(
    'log: with 10,000 lines a second, at most 1,000 rows are kept, and a core is mostly idle',
    async () => {
      server.show({ control: fakeControl({ follow: (_request, onEvent, signal) => flood(onEvent, signal) }) });
      const { page, context, faults } = await opened('log');
      // The first five batches fill the page.
      await vi.waitFor(async () => expect(await page.locator('.log li').count()).toBe(1_000), { timeout: 20_000 });
      const before = await busyMs(page);
      const first = await page.locator('.log li').first().textContent();
      await page.waitForTimeout(FLOOD_MS);
      const rows = page.locator('.log li');
      expect(await rows.count()).toBe(1_000);
      expect(await rows.first().textContent()).not.toBe(first);
      expect(await page.getByText(/Lines left out/).count()).toBe(1);
      // CPU time of the page, which a loaded machine does not change: a batch that takes 200 ms takes most of its quarter second.
      expect((await busyMs(page)) - before).toBeLessThan((200 * FLOOD_MS) / BATCH_MS);
      expect(faults).toEqual([]);
      await context.close();
    },
    60_000 + FLOOD_MS,
  );

  it('log: filters act on the rows that are there', async () => {
    const state = PAGE_STATES.find(({ page, state: name }) => page === 'log' && name === 'some');
    server.show(state?.world() ?? {});
    const { page, context } = await opened('log');
    await page.getByText('Update 1602600 failed.').waitFor();
    await page.getByLabel('Level').selectOption('warn');
    expect(await page.locator('.log li').count()).toBe(2);
    await page.getByLabel('Text').fill('SCRIPT');
    await page.getByText('<script>alert(1)</script>').waitFor();
    expect(await page.locator('.log li').count()).toBe(1);
    await context.close();
  });

  it('pages: twelve tabs at once work, and those without a stream ask again and again', async () => {
    const open = new Set<(event: Followed) => void>();
    let refused = 0;
    const follow: Control['follow'] = async (_request, onEvent, signal) => {
      if (open.size >= MAX_STREAMS) {
        refused += 1;
        throw new RefusedAnswer(429, { code: 'CONSOLE-STREAMS', message: 'Three streams are open.' });
      }
      open.add(onEvent);
      await untilAborted(signal).finally(() => open.delete(onEvent));
    };
    server.show({ control: fakeControl({ follow }) });
    const { page, context } = await opened('updates');
    const others = await Promise.all(Array.from({ length: 11 }, () => context.newPage()));
    await Promise.all(others.map((tab) => tab.goto(`${server.url}#/updates`)));
    const tabs = [page, ...others];
    await Promise.all(tabs.map((tab) => tab.getByText('17', { exact: true }).waitFor()));
    await vi.waitFor(() => expect(refused).toBe(tabs.length - MAX_STREAMS), { timeout: 20_000 });
    const { updates } = aStatus();
    const changed = aStatus({ updates: { ...updates, serial: 99_017 } });
    server.show({ control: fakeControl({ follow, status: () => Promise.resolve(changed) }) });
    for (const onEvent of open) onEvent(aLine(1));
    await Promise.all(tabs.map((tab) => tab.getByText('99017', { exact: true }).waitFor({ timeout: 20_000 })));
    await context.close();
  });
});

const TWO_PROXIES = `version: 2
updates: { feed_url: 'https://updates.example.com/feed.json' }
proxies:
  - { name: corp, address: proxy.example.com, port: 3128, default: true }
  - { name: second, address: other.example.com, port: 3128 }
`;
const MAX_STREAMS = 3;

// Scripts for the page, as text: this program has no types of a browser.
/** As when a tab is shown again. */
const LOOK_AGAIN = "document.dispatchEvent(new Event('visibilitychange'))";

function aLine(number: number): Followed {
  return {
    kind: 'line',
    number,
    at: '2026-11-20T02:00:00.000Z',
    level: number % 50 === 0 ? 'warn' : 'info',
    thread: 'Update',
    event: 'x',
    message: `line ${number} of a log that is written faster than anybody reads it`,
  };
}

const BATCH_MS = 250;
/** Longer by hand: `SALLYPORT_FLOOD_MS=60000`. */
const FLOOD_MS = Number(process.env['SALLYPORT_FLOOD_MS'] ?? 2_000);

/** As the console passes on 10,000 lines a second: 200 each quarter second, and the number of the others. */
async function flood(onEvent: (event: Followed) => void, signal: AbortSignal): Promise<never> {
  onEvent({ kind: 'start', run: 'r1', newest: 0, missed: 0 });
  let number = 0;
  const send = () => {
    for (let index = 0; index < 200; index += 1) {
      number += 1;
      onEvent(aLine(number));
    }
    onEvent({ skipped: 2_300 } as never);
    number += 2_300;
  };
  send();
  const timer = setInterval(send, BATCH_MS);
  return await untilAborted(signal).finally(() => clearInterval(timer));
}

/** Headless Chromium hides no tab, so a script of the test does it. */
async function hide(page: Page, isHidden: boolean): Promise<void> {
  const state = isHidden ? 'hidden' : 'visible';
  await page.evaluate(
    `Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => '${state}' }); ${LOOK_AGAIN}`,
  );
}

/** CPU time that the page has used for scripts, styles and layout, in milliseconds. */
async function busyMs(page: Page): Promise<number> {
  const inspector = await page.context().newCDPSession(page);
  await inspector.send('Performance.enable', { timeDomain: 'threadTicks' });
  const { metrics } = await inspector.send('Performance.getMetrics');
  await inspector.detach();
  return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN) * 1_000;
}

async function focused(page: Page): Promise<string> {
  return await page.evaluate<string>("document.activeElement?.textContent?.trim() ?? ''");
}
