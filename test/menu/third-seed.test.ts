// The third manual, "Enable Proxy Configuration", sentence by sentence: the menu does what each of its sentences says.
// A sentence of the page that no step quotes fails the test.

import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChangeVerdict } from '#control/change.ts';
import { CHARACTERS } from '#menu/model/characters.ts';
import type { Outcome } from '#platform/outcome/outcome.ts';
import { CommandRig } from '#test/support/command-rig.ts';
import { aFailure, aStatus, fakeControl } from '#test/support/fake-control.ts';
import { LiveMenu } from '#test/support/live-menu.ts';

const PAGE = readFileSync(new URL('fixtures/third-manual.txt', import.meta.url), 'utf8').replaceAll(/[^\S\n]/g, ' ');
const FRESH = 'version: 2\nupdates:\n  feed_url: https://updates.example.com/feed.json\n';
const STORED = `${FRESH}proxies:\n  - { name: corp, address: proxy.example.com, port: 3128, default: true }\n`;
const SENSOR: Outcome = { kind: 'connected', name: 'SENSOR-07', address: '10.9.2.7' };
const PASSED: ChangeVerdict = { confirmed: true, by: 'stages', failure: null };

let rig: CommandRig | null;
let outcome: Outcome;
let verdict: ChangeVerdict;
beforeEach(() => {
  [rig, outcome, verdict] = [null, SENSOR, PASSED];
});
afterEach(() => rig?.folder.remove());

/** The menu of an appliance with this configuration, and a daemon that tests and takes every change. */
async function menuOf(text: string): Promise<LiveMenu> {
  const made = await CommandRig.make(text);
  rig = made;
  const since = new Date(Date.now() + 3_600_000).toISOString();
  const config = { ...aStatus().config, file: made.file, since };
  made.daemon = fakeControl({
    status: () => Promise.resolve(aStatus({ config, outcome })),
    tryChange: (_request, onEvent) => {
      for (const stage of ['dial', 'tunnel', 'tls', 'http']) {
        onEvent({ name: 'change-stage', purpose: 'updates', stage, result: 'ok' });
      }
      return Promise.resolve(verdict);
    },
  });
  return await LiveMenu.over(made);
}

/** The rig of the test. */
function here(): CommandRig {
  if (rig === null) throw new Error('no menu was opened');
  return rig;
}

const fresh = () => menuOf(FRESH);
const stored = () => menuOf(STORED);
const last = (menu: LiveMenu) => menu.rows;
/** REALLY ENABLE PROXY? after all four fields. */
async function filled(): Promise<LiveMenu> {
  const menu = (await fresh()).press('enter', 'enter').type('PROXY.EXAMPLE.COM').press('enter', 'enter');
  return menu.type('svc').press('enter').type('Pa$$w0rd').press('enter');
}
async function enabled(): Promise<LiveMenu> {
  return await (await filled()).press('enter').settle();
}

type Step = () => Promise<void>;
const STEPS: readonly (readonly [sentences: readonly string[], step: Step])[] = [
  [
    [
      'If the appliance is behind a Proxy server, you need to enable a Proxy configuration using the ENABLE PROXY menu option.',
      'Go to SETUP NETWORK menu option.',
      'Press the Down arrow until the ENABLE PROXY menu option appears.',
      'Then press ENTER to continue.',
    ],
    async () => {
      const menu = await fresh();
      expect(last(menu)).toEqual(expect.arrayContaining(['SETUP NETWORK', '> ENABLE PROXY']));
      expect(last(menu.press('down', 'enter'))).toContain('CONFIG PROXY PARAMETERS');
    },
  ],
  [
    ['Provide details in the Proxy user and password fields to authenticate to your proxy server.'],
    async () => {
      await enabled();
      const [profile] = (await here().settings()).proxies;
      expect(profile).toMatchObject({ user: 'svc', authentication: 'auto' });
      expect(profile?.password?.reveal()).toBe('Pa$$w0rd');
      expect(await here().text()).not.toContain('Pa$$w0rd');
    },
  ],
  [
    [
      'The Network Passive Sensor uses the Secure Sockets Layer (SSL) protocol (HTTPS and WebSocket) to secure its connection to the Qualys web application, similar to how a web browser does to a secure web server.',
      'If the Qualys connection must pass through a Proxy server, then you must enable the Proxy option on the appliance.',
      'This configuration redirects Qualys outbound connections through the Proxy server.',
    ],
    async () => {
      await enabled();
      expect(await here().settings()).toMatchObject({
        proxy_enabled: true,
        use_proxy_for: {
          updates: 'default',
          support_logs: 'default',
          exposure_analytics: 'default',
          platform: 'default',
        },
        proxies: [{ name: 'appliance', default: true }],
      });
    },
  ],
  [
    [
      'Your Proxy server must be configured to tunnel or pass through the SSL session (HTTPS and WebSocket) to the Qualys Cloud Platform.',
      'This ensures a secured end-to-end connection.',
      'SSL bridging or tunnel termination must not be configured in your Proxy server when supporting the Network Passive Sensor.',
    ],
    async () => {
      verdict = { confirmed: false, by: 'nobody', failure: aFailure({ code: 'TLS-INTERCEPTED' }) };
      const menu = await enabled();
      expect(last(menu)).toContain('[TLS-INTERCEPTED]');
      expect(await here().text()).toBe(FRESH);
    },
  ],
  [
    ['Perform the following steps to configure the appliance with Proxy support:'],
    async () => {
      await enabled();
      expect((await here().settings()).proxies).toHaveLength(1);
    },
  ],
  [
    [
      'When the CONFIG PROXY PARAMETERS prompt appears, press ENTER to continue or press the Up arrow two times to quit this procedure and return to the SETUP NETWORK menu option.',
    ],
    async () => {
      const menu = (await fresh()).press('enter');
      expect(last(menu)).toContain('CONFIG PROXY PARAMETERS');
      expect(last(menu.press('up', 'up'))).toContain('SETUP NETWORK');
      expect(last(menu.press('enter', 'enter'))).toContain('PROXY HOST');
    },
  ],
  [
    ['Enter Proxy parameters using the Up and Down arrows to scroll through characters.'],
    async () => {
      const menu = (await fresh()).press('enter', 'enter', 'backspace', 'up', 'up', 'up', 'right', 'up', 'up', 'up');
      expect(last(menu)).toContain('CC');
      expect(last(menu.press('down'))).toContain('CB');
    },
  ],
  [
    [
      'When the PROXY HOST prompt appears, enter the Proxy server’s FQDN/IP address.',
      'The gateway IP address appears in the screen by default.',
      'Use the LCD interface to enter an FQDN/IP address, and then press ENTER to continue.',
      'IP addresses are allowed in dotted decimal format, for example: 176.34.20.5',
      'Supported characters for FQDN: Uppercase letters, numbers, dot (.) and hyphen (-).',
    ],
    async () => {
      const menu = (await fresh()).press('enter', 'enter');
      expect(last(menu)).toEqual(expect.arrayContaining(['PROXY HOST', '10.9.2.1']));
      expect(last(menu.type('176.34.20.5').press('enter'))).toContain('PROXY PORT');
      expect(last(menu.press('left').type('A-1.B').press('enter'))).toContain('PROXY PORT');
      expect(CHARACTERS.host).toBe('ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-');
    },
  ],
  [
    [
      'When the PROXY PORT prompt appears, enter the port number assigned to the Proxy server.',
      "Port '0443' appears by default.",
      'Confirm that the port number shown is correct or enter a different one, if necessary.',
      'When the correct port number appears, press ENTER to continue.',
      'Supported Characters: numbers only',
    ],
    async () => {
      const menu = (await fresh()).press('enter', 'enter').type('A').press('enter');
      expect(last(menu)).toEqual(expect.arrayContaining(['PROXY PORT', '0443']));
      expect(last(menu.type('x'))).toContain('LETTER AT 1 NOT ALLOWED.');
      expect(last(menu.press('enter').type('3128').press('enter'))).toContain('PROXY USER');
    },
  ],
  [
    [
      'When the PROXY USER prompt appears, enter the username for Proxy authentication.',
      'If authentication is not enabled at the Proxy level, leave the entry field blank.',
      'Press ENTER to continue.',
      'Supported Characters: Lowercase letters, uppercase letters, numbers, and these special characters: _-\\@.',
    ],
    async () => {
      const menu = (await fresh()).press('enter', 'enter').type('A').press('enter', 'enter');
      expect(last(menu)).toContain('PROXY USER');
      await menu.press('enter', 'enter', 'enter').settle();
      expect((await here().settings()).proxies[0]).toMatchObject({ authentication: 'transparent' });
      expect(CHARACTERS.user.replaceAll(/[A-Za-z0-9]/g, '')).toBe('_-\\@.');
    },
  ],
  [
    [
      'When the PROXY PASS prompt appears, enter the password for Proxy authentication.',
      'Supported Characters: Lowercase letters, uppercase letters, numbers, and these special characters: _-\\/|~!?@#$%^&*+=(){}[]<>:;"`,. (including dot).',
    ],
    async () => {
      const menu = (await fresh()).press('enter', 'enter').type('A').press('enter', 'enter').type('u').press('enter');
      expect(last(menu)).toContain('PROXY PASS');
      await menu.paste(CHARACTERS.password).press('enter', 'enter').settle();
      expect((await here().settings()).proxies[0]?.password?.reveal()).toBe(CHARACTERS.password);
      expect(CHARACTERS.password.replaceAll(/[A-Za-z0-9]/g, '')).toBe('_-\\/|~!?@#$%^&*+=(){}[]<>:;"`,.');
    },
  ],
  [
    [
      'When the REALLY ENABLE PROXY? prompt appears, press ENTER to continue.',
      'Or press the Up arrow two times to quit this procedure and return to the SETUP NETWORK menu option.',
    ],
    async () => {
      const menu = await filled();
      expect(last(menu)).toContain('REALLY ENABLE PROXY?');
      expect(last(menu.press('up', 'up'))).toContain('SETUP NETWORK');
      await menu.settle();
      expect(await here().text()).toBe(FRESH);
    },
  ],
  [
    [
      'Review the confirmation messages.',
      'The ENABLING PROXY SUPPORT message appears followed by other messages while the Network Passive Sensor attempts to make a connection to the Qualys Cloud Platform using the new configuration.',
      'The ENABLING PROXY SUPPORT message appears followed by others.',
      'Upon success the APPLIANCE NAME–IP ADDRESS message appears and the configured proxy is now confirmed working and being used.',
      'The message APPLIANCE NAME–IP ADDRESS appears if the Network Passive Sensor successfully connected to the Qualys Cloud Platform using the new configuration.',
    ],
    async () => {
      const menu = await enabled();
      const during = menu.screens.filter((screen) => screen.includes('ENABLING PROXY SUPPORT'));
      expect(during.length).toBeGreaterThan(4);
      expect(during.at(-1)).toContain('CONNECT OK (updates)');
      expect(last(menu)).toContain('SENSOR-07–10.9.2.7');
    },
  ],
  [
    ['The LCD interface to enable Proxy support is shown below.', 'InterfaceEnableProxy.', 'InterfaceEnableProxy'],
    async () => {
      const menu = await enabled();
      // No screen has more than the display, or the password.
      for (const screen of menu.screens) {
        expect(screen.split('\n').every((line) => line.length <= 80)).toBe(true);
        expect(screen).not.toContain('Pa$$w0rd');
      }
    },
  ],
  [
    [
      'Once a Proxy configuration is enabled, the Proxy settings are stored on the appliance.',
      'You can change or disable these settings at any time.',
      'Perform the following steps to change Proxy parameters:',
      'Press the Down arrow until the CHANGE PROXY PARAMS menu option appears.',
      'Follow the prompts and messages in the LCD interface to change the existing Proxy parameters.',
      'Existing parameters are displayed on each screen.',
      'Change and confirm each parameter.',
      'If a parameter has not changed, press ENTER to view the next parameter.',
    ],
    async () => {
      const menu = await stored();
      expect(last(menu)).toEqual(expect.arrayContaining(['> CHANGE PROXY PARAMS', 'DISABLE PROXY']));
      expect(last(menu.press('enter', 'enter'))).toContain('PROXY.EXAMPLE.COM');
      expect(last(menu.press('enter'))).toContain('3128');
      await menu.type('8080').press('enter', 'enter', 'enter', 'enter').settle();
      expect((await here().settings()).proxies[0]).toMatchObject({ address: 'proxy.example.com', port: 8_080 });
    },
  ],
  [
    [
      'Perform the following steps to disable Proxy parameters:',
      'Press the Down arrow until the DISABLE PROXY menu option appears.',
      'When the REALLY DISABLE PROXY? prompt appears, press ENTER to continue.',
    ],
    async () => {
      const menu = (await stored()).press('down', 'enter');
      expect(last(menu)).toContain('REALLY DISABLE PROXY?');
      expect(last(await menu.press('enter').settle())).toContain('SENSOR-07–10.9.2.7');
      expect(await here().settings()).toMatchObject({ proxy_enabled: false, proxies: [{ name: 'corp', port: 3_128 }] });
      expect(last(menu.press('enter'))).toContain('> ENABLE PROXY');
    },
  ],
  [
    [
      'The USER LOGIN prompt appears if the Network Passive Sensor successfully connects to the Qualys Cloud Platform.',
      'However, the appliance has not been activated.',
      'See Step 1 in the Get Started section and follow the instructions to activate the appliance.',
    ],
    async () => {
      outcome = { kind: 'user-login' };
      const menu = await enabled();
      expect(last(menu)).toContain('USER LOGIN');
      expect(last(menu.press('enter'))).toContain('ACTIVATION KEY');
    },
  ],
  [
    [
      'An appliance configuration error appears if the Network Passive Sensor fails to connect to the Qualys Cloud Platform.',
      'An error may occur because the Proxy parameters you entered are incorrect, or they do not match the Proxy configuration on your network.',
      'Refer to the Troubleshooting section for resolving this issue.',
    ],
    async () => {
      verdict = { confirmed: false, by: 'nobody', failure: aFailure() };
      const menu = await enabled();
      expect(last(menu)).toEqual(expect.arrayContaining(['CONFIGURATION ERROR', '[AUTH-REJECTED]']));
      expect(await here().text()).toBe(FRESH);
    },
  ],
];

/** The titles of the page, which say nothing. */
const TITLES = [
  'Enable Proxy Configuration',
  'Enter Parameters',
  'Interface - Enable Proxy',
  'Update Proxy Settings',
  'Disable Proxy Parameters',
  'Interface - Change Proxy Parameters',
  'Confirm Configuration',
  'Related Topic',
  'Troubleshooting',
];

function sentencesOf(page: string): string[] {
  const lines = page.split('\n').map((line) => line.replace(/^\s*(?:\d+\.)?\s*/, '').trim());
  const texts = lines.filter((line) => line !== '' && !TITLES.includes(line));
  // A list of characters has dots of its own.
  return texts.flatMap((text) => (/^Supported/.test(text) ? [text] : text.split(/(?<=[.?])\s+(?=[A-Z'])/)));
}

describe('third seed', () => {
  it('third seed: every sentence of the page has a step', () => {
    const quoted = STEPS.flatMap(([sentences]) => sentences);
    const page = sentencesOf(PAGE);
    const isQuoted = (sentence: string) => quoted.some((one) => one === sentence || one.endsWith(sentence));
    expect(page.filter((one) => !isQuoted(one))).toEqual([]);
    expect(quoted.filter((one) => !PAGE.includes(one))).toEqual([]);
    expect(page.length).toBeGreaterThan(50);
  });

  it.each(STEPS.map(([[first = ''], step], index) => [index + 1, first.slice(0, 60), step] as const))(
    'third seed: step %i, "%s"',
    async (_index, _first, step) => {
      await step();
    },
  );
});
