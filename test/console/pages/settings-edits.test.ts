// The edits of a settings page in a real browser: whatever another tab, another user, a reload or a lost connection does, they
// are not lost, and they overwrite nothing that the person has not seen.

import type { Locator } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import type { Control } from '#control/control.ts';
import { CommandRig } from '#test/support/command-rig.ts';
import { aStatus, fakeControl } from '#test/support/fake-control.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { SettingsBrowser, type SettingsTab } from '#test/support/settings-browser.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const FEED = 'version: 2\nupdates:\n  feed_url: https://updates.example.com/feed.json\n';
const CORP = `${FEED}proxies:
  - name: corp
    address: proxy.example.com
    port: 3128
    default: true
`;
const BRANCH = `${CORP}  - name: branch
    address: branch.example.com
    port: 8080
`;

/** A test that ends when the returned function is called. */
function heldTest() {
  const { promise, resolve } = Promise.withResolvers<void>();
  const tryChange: Control['tryChange'] = async () => {
    await promise;
    return { confirmed: true, by: 'stages', failure: null };
  };
  return { tryChange, pass: () => resolve() };
}

/** A test that fails, and then waits for a person, until the returned function is called. */
function failingTest(code: string) {
  const failure = { code, message: 'It failed.', check: '', hop: 'proxy', class: 'network' };
  let fails = true;
  let isTrying = false;
  const over: Partial<Control> = {
    status: () => {
      const { config } = aStatus();
      const trying = isTrying ? { by: 'process 1 of user root', since: '', until: '', failure } : null;
      return Promise.resolve(aStatus({ config: { ...config, trying } }));
    },
    tryChange: async (_change, onEvent, signal) => {
      if (!fails) return { confirmed: true, by: 'stages', failure: null };
      isTrying = true;
      onEvent({ name: 'change-failed', code, message: failure.message });
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      isTrying = false;
      throw signal.reason;
    },
  };
  const pass = () => {
    fails = false;
  };
  return { over, pass };
}

describeWith(['chromium'], 'edits of the settings pages', () => {
  let browser: SettingsBrowser;
  const open: SettingsTab[] = [];
  beforeAll(async () => {
    browser = await SettingsBrowser.start();
  });
  afterEach(async () => {
    for (const tab of open.splice(0)) await tab.close();
  });
  afterAll(async () => await browser?.close());

  async function opened(place: string, text = CORP, over: Partial<Control> = {}) {
    const rig = await CommandRig.make(text);
    rig.daemon = fakeControl(over);
    const tab = await browser.open(rig, place);
    open.push(tab);
    return { rig, tab, page: tab.page };
  }

  const field = ({ page }: SettingsTab, label: string) => page.getByRole('textbox', { name: label, exact: true });
  const press = async ({ page }: SettingsTab, name: string) =>
    await page.getByRole('button', { name, exact: true }).click();
  const heading = async ({ page }: SettingsTab, name: string) =>
    await page.getByRole('heading', { name, exact: true }).waitFor();
  const sees = async ({ page }: SettingsTab, text: string | RegExp) => await page.getByText(text).first().waitFor();
  const hasValue = async (found: Locator, value: string) => await expect.poll(() => found.inputValue()).toBe(value);
  /** As after the person has come back to the tab: its page asks for the change again. */
  const comesBack = async ({ page }: SettingsTab) =>
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
  const byAnother = async (rig: CommandRig, text: string) =>
    await rig.folder.write('sallyport.yaml', `${text}daemon:\n  state_dir: state\n`, 0o640);

  it('edits: they stay in a page while another tab saves its own', async () => {
    const { rig, tab } = await opened('proxy-settings');
    await field(tab, 'Response timeout').fill('45000');
    const other = await tab.another('proxy-settings');
    await field(other, 'Port').fill('8080');
    await press(other, 'Save');
    await heading(other, 'Saved');
    await comesBack(tab);
    await sees(tab, '1 unsaved change');
    await hasValue(field(tab, 'Response timeout'), '45000');
    expect(await rig.text()).toContain('port: 8080');
    // The other change is not overwritten, and the page says so.
    await press(tab, 'Save');
    await heading(tab, 'The file was changed meanwhile');
    await press(tab, 'Keep my values for the new file');
    await press(tab, 'Save');
    await heading(tab, 'Saved');
    const text = await rig.text();
    expect([text.includes('port: 8080'), text.includes('base_ms: 45000')]).toEqual([true, true]);
  });

  it('edits: they stay while this page follows the change of another tab to its end', async () => {
    const { tryChange, pass } = heldTest();
    const { tab } = await opened('proxy-settings', CORP, { tryChange });
    await field(tab, 'Response timeout').fill('45000');
    const other = await tab.another('proxy-settings');
    await field(other, 'Port').fill('8080');
    await press(other, 'Save');
    await heading(other, 'Testing the new settings');
    await comesBack(tab);
    await heading(tab, 'Testing the new settings');
    pass();
    await heading(tab, 'Saved');
    await sees(tab, '1 unsaved change');
    await hasValue(field(tab, 'Response timeout'), '45000');
  });

  it('edits: a file that changes again after "Keep my values" is a conflict again', async () => {
    const { rig, tab } = await opened('proxy-settings');
    await field(tab, 'Port').fill('8080');
    await byAnother(rig, CORP.replace('3128', '1111'));
    await press(tab, 'Save');
    await heading(tab, 'The file was changed meanwhile');
    await byAnother(rig, CORP.replace('3128', '2222'));
    await press(tab, 'Keep my values for the new file');
    await press(tab, 'Save');
    await heading(tab, 'The file was changed meanwhile');
    await sees(tab, '2222');
    expect(await rig.text()).toContain('port: 2222');
    await press(tab, 'Keep my values for the new file');
    await press(tab, 'Save');
    await heading(tab, 'Saved');
    expect(await rig.text()).toContain('port: 8080');
  });

  it('edits: those made while a Save runs stay when it ends', async () => {
    const { tryChange, pass } = heldTest();
    const { rig, tab } = await opened('proxy-settings', CORP, { tryChange });
    await field(tab, 'Port').fill('8080');
    await press(tab, 'Save');
    await heading(tab, 'Testing the new settings');
    await field(tab, 'Response timeout').fill('45000');
    pass();
    await heading(tab, 'Saved');
    await sees(tab, '1 unsaved change');
    await hasValue(field(tab, 'Response timeout'), '45000');
    await press(tab, 'Close');
    await press(tab, 'Save');
    await heading(tab, 'Saved');
    const text = await rig.text();
    expect([text.includes('port: 8080'), text.includes('base_ms: 45000')]).toEqual([true, true]);
    await sees(tab, 'No unsaved changes');
  });

  it('edits: a form stays if another user breaks the file, and can be saved once it is repaired', async () => {
    const { rig, tab } = await opened('proxy-settings');
    await field(tab, 'Port').fill('8080');
    await byAnother(rig, `${CORP}nonsense: 1\n`);
    await press(tab, 'Save');
    await heading(tab, 'Not started');
    await sees(tab, '1 unsaved change');
    await press(tab, 'Keep editing');
    // A page that reads the broken file again keeps the form as well.
    const other = await tab.another('proxy-settings');
    await heading(other, 'The file has errors');
    await hasValue(field(tab, 'Port'), '8080');
    await byAnother(rig, CORP);
    await press(tab, 'Save');
    await heading(tab, 'Saved');
    expect(await rig.text()).toContain('port: 8080');
  });

  it('edits: the form of a profile stays if another user deletes it, and Save adds it again', async () => {
    const { rig, tab } = await opened('proxy-profiles/edit/branch', BRANCH);
    await field(tab, 'Port').fill('9090');
    await byAnother(rig, CORP);
    await press(tab, 'Save');
    await heading(tab, 'The file was changed meanwhile');
    await press(tab, 'Keep my values for the new file');
    await sees(tab, 'This profile no longer exists');
    await hasValue(field(tab, 'Port'), '9090');
    await press(tab, 'Save');
    await heading(tab, 'Saved');
    const { proxies } = await rig.settings();
    expect(proxies[1]).toMatchObject({ name: 'branch', address: 'branch.example.com', port: 9_090 });
    await expect.poll(() => tab.page.getByText('This profile no longer exists').count()).toBe(0);
  });

  it('edits: a page that renames its profile shows the end of this Save', async () => {
    const { rig, tab } = await opened('proxy-profiles/edit/branch', BRANCH);
    await field(tab, 'Proxy Setting Name').fill('north');
    await press(tab, 'Save');
    await heading(tab, 'Saved');
    expect((await rig.settings()).proxies[1]?.name).toBe('north');
    await expect.poll(() => tab.page.getByText('This profile no longer exists').count()).toBe(0);
    await heading(tab, 'Edit north');
  });

  it('edits: after a reload, Send it in clear text saves the typed values', async () => {
    const { over, pass } = failingTest('AUTH-CLEARTEXT');
    const { rig, tab } = await opened('proxy-settings', CORP, over);
    await field(tab, 'Name or address').fill('other.example.com');
    await field(tab, 'User ID').fill('ann');
    await field(tab, 'Password').fill('n3w');
    await press(tab, 'Save');
    await heading(tab, 'The new settings failed');
    tab.page.on('dialog', (dialog) => void dialog.accept());
    await tab.page.reload();
    await heading(tab, 'The new settings failed');
    pass();
    await press(tab, 'Send it in clear text (Basic)');
    await heading(tab, 'Saved');
    const [profile] = (await rig.settings()).proxies;
    expect(profile).toMatchObject({ address: 'other.example.com', user: 'ann', authentication: 'basic' });
  });

  it('edits: a running test is shown once, and a tab that comes back shows its end', async () => {
    const { tryChange, pass } = heldTest();
    const { tab } = await opened('proxy-settings', CORP, { tryChange });
    await field(tab, 'Port').fill('8080');
    await press(tab, 'Save');
    await heading(tab, 'Testing the new settings');
    expect(await tab.page.getByText('New settings are being tested').count()).toBe(0);
    await hide(tab, true);
    await comesBack(tab);
    pass();
    await expect.poll(() => tab.site.saving.saving.trial?.state).toBe('saved');
    await heading(tab, 'Testing the new settings');
    await hide(tab, false);
    await comesBack(tab);
    await heading(tab, 'Saved');
    await sees(tab, 'No unsaved changes');
  });

  it('edits: a connection that breaks during Save is reported, and the end is shown later', async () => {
    const { tryChange, pass } = heldTest();
    const { tab } = await opened('proxy-settings', CORP, { tryChange });
    await tab.page.route('**/api/streams/trial', (route) => route.abort());
    await field(tab, 'Port').fill('8080');
    await tab.page.route('**/api/changes/trial', (route) => route.abort());
    await press(tab, 'Save');
    await heading(tab, 'The console does not answer');
    expect(await tab.page.getByRole('heading', { name: 'Not started' }).count()).toBe(0);
    pass();
    await expect.poll(() => tab.site.saving.saving.trial?.state).toBe('saved');
    await tab.page.unroute('**/api/streams/trial');
    await tab.page.unroute('**/api/changes/trial');
    await heading(tab, 'Saved');
    await sees(tab, 'No unsaved changes');
  });

  it('edits: a request that the console never got is reported, and the edits stay', async () => {
    const { rig, tab } = await opened('proxy-settings');
    await tab.page.route('**/api/changes/save', (route) => route.abort());
    await field(tab, 'Port').fill('8080');
    await press(tab, 'Save');
    await heading(tab, 'Not started');
    await sees(tab, 'Nothing was changed.');
    await hasValue(field(tab, 'Port'), '8080');
    expect(await rig.text()).toContain('port: 3128');
    await tab.page.unroute('**/api/changes/save');
    await press(tab, 'Save');
    await heading(tab, 'Saved');
  });

  it('edits: a Save that was refused is not shown as interrupted later', async () => {
    const { tab } = await opened('proxy-settings');
    await field(tab, 'Response timeout').fill('999');
    await press(tab, 'Save');
    await heading(tab, 'The file would not be valid');
    tab.page.on('dialog', (dialog) => void dialog.accept());
    await tab.page.goto(`${tab.site.origin}/#/configuration`);
    await tab.page.reload();
    await heading(tab, 'Configuration');
    await sees(tab, 'No unsaved changes');
    expect(await tab.page.getByText('A Save of this browser was interrupted').count()).toBe(0);
  });

  it.each([
    ['the file is as before', CORP, 'Nothing was saved'],
    ['the file has the new value', CORP.replace('3128', '8080'), 'The file has the new settings.'],
    ['the file has another value', CORP.replace('3128', '9999'), 'it does not have all of the new settings'],
  ])('edits: after the console was killed during Save, a page says so: %s', async (_what, text, says) => {
    const { rig, tab } = await opened('configuration');
    const { digest } = await tab.site.saving.view();
    const differences = [{ key: 'proxies.corp.port', before: '3128', after: '8080' }];
    const save = JSON.stringify({ digest, attempt: 'ab', differences });
    await tab.page.evaluate(`localStorage.setItem('sallyport-save', ${JSON.stringify(save)})`);
    await byAnother(rig, text);
    await tab.page.reload();
    await sees(tab, 'A Save of this browser was interrupted');
    await sees(tab, says);
    await press(tab, 'Dismiss');
    await expect.poll(() => tab.page.evaluate('document.activeElement.tagName')).toBe('H1');
    await tab.page.reload();
    await sees(tab, 'No unsaved changes');
    expect(await tab.page.getByText('A Save of this browser was interrupted').count()).toBe(0);
  });

  it('edits: Discard changes drops them and moves the focus to the heading', async () => {
    const { tab } = await opened('proxy-settings');
    await field(tab, 'Port').fill('8080');
    await press(tab, 'Discard changes');
    await sees(tab, 'No unsaved changes');
    await hasValue(field(tab, 'Port'), '3128');
    await expect.poll(() => tab.page.evaluate('document.activeElement.tagName')).toBe('H1');
  });
});

/** A headless browser hides no tab, so the page is made to believe it. */
async function hide({ page }: SettingsTab, isHidden: boolean): Promise<void> {
  const state = isHidden ? 'hidden' : 'visible';
  await page.evaluate(`Object.defineProperty(document, 'visibilityState', { configurable: true, value: '${state}' })`);
}
