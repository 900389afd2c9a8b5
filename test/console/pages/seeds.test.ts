// The proxy chapters of the first two manuals, carried out on the settings pages in a real browser. Each sentence has a step
// that finds its fields by role and label, and compares the file after Save.

import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { CommandRig } from '#test/support/command-rig.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { SettingsBrowser, type SettingsTab } from '#test/support/settings-browser.ts';

const FEED = 'https://updates.example.com/feed.json';
const NONE = `version: 2\nupdates:\n  feed_url: ${FEED}\n  packages_dir: packages\nlogging:\n  dir: logs\n`;

/** The lines of the manual, with the thread of that product. */
const OLD_LINES = [
  '2013-06-05T00:04:10 [INFO] [Thread: Security Console] Downloading update ID 1602503.',
  '2013-06-05T00:04:12 [INFO] [Thread: Security Console] Response via 1.1 proxy.example.com.',
  '2013-06-05T00:05:05 [INFO] [Thread: Security Console] Response via 1.1 proxy.example.com.',
  '2013-06-05T00:05:07 [INFO] [Thread: Security Console] Acknowledging receipt of update ID 1602503.',
];

type Step = (host: Host) => Promise<void>;

/** A page of a host, and its files. */
class Host {
  readonly rig: CommandRig;
  readonly tab: SettingsTab;

  constructor(rig: CommandRig, tab: SettingsTab) {
    this.rig = rig;
    this.tab = tab;
  }

  get page() {
    return this.tab.page;
  }

  field(label: string) {
    return this.page.getByRole('textbox', { name: label, exact: true });
  }

  box(label: string) {
    return this.page.getByRole('checkbox', { name: label, exact: true });
  }

  choice(label: string) {
    return this.page.getByRole('combobox', { name: label, exact: true });
  }

  async press(name: string): Promise<void> {
    await this.page.getByRole('button', { name, exact: true }).click();
  }

  async heading(name: string): Promise<void> {
    await this.page.getByRole('heading', { name, exact: true }).waitFor();
  }

  async sees(text: string | RegExp): Promise<void> {
    await this.page.getByText(text).first().waitFor();
  }

  /** Saves, and closes the message of success. */
  async save(): Promise<string> {
    await this.press('Save');
    await this.heading('Saved');
    const text = await this.rig.text();
    await this.press('Close');
    return text;
  }

  async goTo(link: string): Promise<void> {
    await this.page.getByRole('link', { name: link, exact: true }).first().click();
    await this.page.getByRole('heading', { level: 1, name: link, exact: true }).waitFor();
  }
}

const FIRST: Readonly<Record<string, Step>> = {
  'Click Proxy Settings and complete the appropriate fields.': async (host) => {
    await host.goTo('Proxy Settings');
  },
  "If you are not using a proxy, this field defaults to 'updates.rapid7.com'.": async (host) => {
    expect(await host.field('Name or address').inputValue()).toBe('');
    await host.sees('updates come straight from updates.example.com');
  },
  'The Port field is set to 80 by default because the Security Console contacts the update server on that port.':
    async (host) => {
      expect(await host.field('Port').inputValue()).toBe('80');
    },
  'The default setting is 30,000 ms or 30 seconds.': async (host) => {
    expect(await host.field('Response timeout').inputValue()).toBe('30000');
  },
  'In the Name or address field, if you want to use a proxy server, enter its name or IP address.': async (host) => {
    await host.field('Name or address').fill('proxy.corp.example');
    expect(await host.save()).toContain('address: proxy.corp.example');
  },
  'In the Port field, if it uses a different port number for communication, enter that port number.': async (host) => {
    await host.field('Port').fill('3128');
    expect(await host.save()).toContain('port: 3128');
  },
  'In the Response timeout field, enter the interval that the Security Console will wait to receive a requested package before initiating a timeout of the transfer.':
    async (host) => {
      await host.field('Response timeout').fill('45000');
      expect(await host.save()).toContain('base_ms: 45000');
    },
  'The minimum setting is 1,000 ms, and the maximum is 2,147,483,647 ms.': async (host) => {
    const before = await host.rig.text();
    for (const outside of ['999', '2147483648']) {
      await host.field('Response timeout').fill(outside);
      await host.press('Save');
      await host.heading('The file would not be valid');
      await host.press('Keep editing');
    }
    expect(await host.rig.text()).toBe(before);
    for (const inside of ['1000', '2147483647']) {
      await host.field('Response timeout').fill(inside);
      expect(await host.save()).toContain(`base_ms: ${inside}`);
    }
  },
  'In the Domain, User ID, and Password fields, if you are using a proxy server, enter the appropriate information.':
    async (host) => {
      await host.field('Domain').fill('CORP');
      await host.field('User ID').fill('svc');
      await host.field('Password').fill('open sesame');
      const text = await host.save();
      expect(text).toMatch(/user: '?"?(?:CORP\\+)?svc/);
      expect(text).toContain('CORP');
      expect(text).toContain('authentication: auto');
      expect(text).not.toContain('open sesame');
      const [, secret = ''] = /file: (\S+)/.exec(text) ?? [];
      expect((await host.rig.read(secret)).trimEnd()).toBe('open sesame');
    },
  'If you are not using a proxy server, you can leave these fields blank.': async (host) => {
    await host.field('Domain').fill('');
    await host.field('User ID').fill('');
    await host.box('Remove the stored password').check();
    const text = await host.save();
    expect(text).not.toContain('svc');
    expect(text).not.toContain('password:');
  },
  'Check the Send support logs box if you want to use the proxy server to handle communication.': async (host) => {
    await host.box('Send support logs').uncheck();
    expect(await host.save()).toContain('support_logs: none');
    await host.box('Send support logs').check();
    expect(await host.save()).not.toContain('support_logs: none');
  },
  'Check the Exposure Analytics box if you want to use the proxy server to handle communication.': async (host) => {
    await host.box('Exposure Analytics').uncheck();
    expect(await host.save()).toContain('exposure_analytics: none');
    await host.box('Exposure Analytics').check();
    expect(await host.save()).not.toContain('exposure_analytics: none');
  },
  'Click Save.': async (host) => {
    const button = host.page.getByRole('button', { name: 'Save', exact: true });
    expect(await button.getAttribute('aria-disabled')).toBe('true');
  },
  'A proxy server may not relay an entire requested package until it downloads and analyzes the package in its entirety.':
    async (host) => {
      await host.sees('A proxy may hold back a package until it has scanned all of it.');
    },
  'To determine how long to allow for a response interval, see Determining a response timeout interval for the proxy.':
    async (host) => {
      await host.goTo('Response timeout');
    },
  'Look for a sequence of lines that reference the download of an update.': async (host) => {
    await host.press('Read the log');
    const lines = host.page.getByRole('region', { name: 'Lines of this download' });
    for (const line of OLD_LINES) expect(await lines.textContent()).toContain(line.slice(0, 60));
  },
  'Note the time elapsed between the first entry and the last entry.': async (host) => {
    await host.sees('57 s');
  },
  'Locate the file with the update ID referenced in the log entries and note its size.': async (host) => {
    await host.page.getByText('2.5 MB', { exact: true }).waitFor();
  },
  'It is helpful to use a larger update file for the estimate.': async (host) => {
    await host.sees('It is helpful to use a larger update file for the estimate.');
  },
  'In most cases, a timeout interval of 5 minutes (300,000 ms) is generally sufficient.': async (host) => {
    await host.press('Use 300000 ms');
    await host.heading('Saved');
    expect(await host.rig.text()).toContain('base_ms: 300000');
  },
};

const SECOND: Readonly<Record<string, Step>> = {
  'Go to Company > Company Settings > Proxy Settings from the main menu.': async (host) => {
    await host.goTo('Proxy profiles');
  },
  'Click on + NEW to create a proxy setting.': async (host) => {
    await host.press('+ NEW');
    await host.heading('New proxy profile');
  },
  'Proxy Setting Name: name of the proxy rule': async (host) => {
    await host.field('Proxy Setting Name').fill('branch');
  },
  'Proxy Address or IP: the proxy server address (hostname or IP address)': async (host) => {
    await host.field('Proxy Address or IP').fill('10.1.2.3');
  },
  'Port: the port number of the proxy server.': async (host) => {
    await host.field('Port').fill('8080');
  },
  'Transparent: No user authentication is required.': async (host) => {
    expect(await host.choice('Authentication Method').inputValue()).toBe('transparent');
    expect(await host.field('User').count()).toBe(0);
  },
  'Test Connection: confirm if the proxy settings work correctly.': async (host) => {
    const before = await host.rig.text();
    await host.press('Test Connection');
    await host.page.getByRole('heading', { name: /^(?:Nothing was tested|The connection works)$/ }).waitFor();
    await host.press('Close');
    expect(await host.rig.text()).toBe(before);
  },
  'Basic: User authentication is required.': async (host) => {
    await host.choice('Authentication Method').selectOption({ label: 'Basic' });
    await host.field('User').fill('svc');
    await host.field('Password').fill('open sesame');
    const text = await host.save();
    expect(text).toContain('name: branch');
    expect(text).toContain('address: 10.1.2.3');
    expect(text).toContain('port: 8080');
    expect(text).toContain('authentication: basic');
    expect(text).not.toContain('open sesame');
  },
  'You can view, edit, or delete any proxy configurations at the Proxy Settings page.': async (host) => {
    await host.page.getByRole('row', { name: /branch/ }).waitFor();
    await host.page.getByRole('link', { name: 'Edit branch', exact: true }).waitFor();
    await host.page.getByRole('button', { name: 'Delete branch', exact: true }).waitFor();
  },
  'Proxy Setting Name, Proxy Address or IP, Port, Authentication Method, Is Default?, Date Created, Actions': async (
    host,
  ) => {
    const table = host.page.getByRole('table', { name: 'Proxy profiles' });
    expect(await table.getByRole('columnheader').allInnerTexts()).toEqual([
      'Proxy Setting Name',
      'Proxy Address or IP',
      'Port',
      'Authentication Method',
      'Is Default?',
      'Date Created',
      'Actions',
    ]);
  },
  'Actions: Proxy settings can be edited or deleted.': async (host) => {
    await host.page.getByRole('link', { name: 'Edit branch', exact: true }).click();
    await host.field('Port').fill('8081');
    // The stored password would be sent to another server.
    await host.press('Save');
    await host.sees('PASSWORD-ANEW');
    await host.press('Keep editing');
    await host.field('Password').fill('open sesame');
    expect(await host.save()).toContain('port: 8081');
  },
  'Make Default Proxy Setting: new settings will have this proxy setting automatically.': async (host) => {
    await host.press('+ NEW');
    await host.field('Proxy Setting Name').fill('second');
    await host.field('Proxy Address or IP').fill('10.1.2.4');
    await host.box('Make Default Proxy Setting').check();
    const text = await host.save();
    expect(text.slice(text.indexOf('name: second'))).toContain('default: true');
    expect(text.match(/default: true/g)).toHaveLength(1);
  },
  'Find the Proxy field and select the Proxy setting to be applied.': async (host) => {
    await host.choice('Proxy for updates').selectOption({ label: 'branch' });
  },
  'Click Save to apply the changes.': async (host) => {
    expect(await host.save()).toContain('updates: branch');
  },
  'If you do not want to use a proxy, choose the No Proxy option.': async (host) => {
    await host.choice('Proxy for updates').selectOption({ label: 'No Proxy' });
    expect(await host.save()).toContain('updates: none');
  },
  'If you want to use the default system proxy settings, select the Default Proxy option.': async (host) => {
    await host.choice('Proxy for updates').selectOption({ label: 'Default Proxy' });
    expect(await host.save()).not.toContain('updates: none');
  },
  'Proxy settings can be deleted.': async (host) => {
    await host.press('Delete branch');
    await host.page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
    await host.heading('Saved');
    expect(await host.rig.text()).not.toContain('branch');
  },
};

describeWith(['chromium'], 'the manuals on the settings pages', () => {
  let browser: SettingsBrowser;
  const open: SettingsTab[] = [];
  beforeAll(async () => {
    browser = await SettingsBrowser.start();
  }, 120_000);
  afterEach(async () => {
    for (const tab of open.splice(0)) await tab.close();
  });
  afterAll(() => browser.close());

  it.each([
    ['first', FIRST],
    ['second', SECOND],
  ] as const)(
    'pages: every sentence of the %s manual can be carried out',
    async (_which, steps) => {
      const rig = await CommandRig.make(NONE);
      await rig.folder.write('logs/sallyport.log', `${OLD_LINES.join('\n')}\n`);
      await rig.folder.write(join('packages', '1602503.jar'), 'x'.repeat(2_500_000));
      const tab = await browser.open(rig, 'configuration');
      open.push(tab);
      const host = new Host(rig, tab);
      for (const [sentence, step] of Object.entries(steps)) {
        await step(host).catch((thrown: unknown) => {
          throw new Error(`"${sentence}": ${thrown instanceof Error ? thrown.message : String(thrown)}`);
        });
      }
    },
    120_000,
  );
});
