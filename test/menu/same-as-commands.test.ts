// The menu writes what the commands write: the same configuration file, byte for byte, and the same files of passwords.

import { afterEach, expect, it } from 'vitest';
import type { CommandContext } from '#cli/settings/command-context.ts';
import { addProxyCommand, changeProxyCommand, type ProfileFlags } from '#cli/settings/proxy-change.ts';
import { enableProxyCommand } from '#cli/settings/proxy-delete.ts';
import { CommandRig } from '#test/support/command-rig.ts';
import { aStatus, fakeControl } from '#test/support/fake-control.ts';
import { LiveMenu } from '#test/support/live-menu.ts';

const FRESH =
  'version: 2\n# the network of the plant\nupdates:\n  feed_url: https://updates.example.com/feed.json # ours\n';
const PROFILE =
  '{ name: corp, address: proxy.example.com, port: 3128, default: true, authentication: basic, user: svc, password: { file: secrets/corp } }';
const STORED = `${FRESH}proxies:\n  - ${PROFILE}\n`;

const rigs: CommandRig[] = [];
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.folder.remove();
});

async function rigOf(text: string): Promise<CommandRig> {
  const rig = await CommandRig.make(text);
  rigs.push(rig);
  await rig.folder.write('secrets/corp', 'stored\n', 0o640);
  const config = { ...aStatus().config, file: rig.file, since: new Date(Date.now() + 3_600_000).toISOString() };
  const status = aStatus({ config, outcome: { kind: 'user-login' } });
  rig.daemon = fakeControl({ status: () => Promise.resolve(status) });
  return rig;
}

const flags = (fields: ProfileFlags['fields'], over: Partial<ProfileFlags> = {}): ProfileFlags => ({
  fields,
  makeDefault: false,
  json: false,
  passwordStdin: true,
  ...over,
});

interface Case {
  readonly before: string;
  press(menu: LiveMenu): LiveMenu;
  command(context: CommandContext): Promise<number>;
  readonly password?: string;
}

const CASES: Readonly<Record<string, Case>> = {
  'ENABLE PROXY with a user is proxy add with authentication auto': {
    before: FRESH,
    press: (menu) =>
      menu
        .press('enter', 'enter')
        .type('NEW.EXAMPLE.COM')
        .press('enter')
        .type('8080')
        .press('enter')
        .type('CORP\\svc')
        .press('enter')
        .type('p4ss')
        .press('enter', 'enter'),
    command: (context) =>
      addProxyCommand(
        context,
        'appliance',
        flags({ address: 'new.example.com', port: '8080', authentication: 'auto', user: 'CORP\\svc' }),
      ),
    password: 'p4ss',
  },
  'ENABLE PROXY without a user is proxy add': {
    before: FRESH,
    press: (menu) => menu.press('enter', 'enter').type('A.EXAMPLE').press('enter', 'enter', 'enter', 'enter', 'enter'),
    command: (context) =>
      addProxyCommand(context, 'appliance', flags({ address: 'a.example', port: '443' }, { passwordStdin: false })),
  },
  'ENABLE PROXY with stored parameters is proxy enable': {
    before: `${STORED}proxy_enabled: false\n`,
    press: (menu) => menu.press('enter', 'enter', 'enter', 'enter', 'enter', 'enter', 'enter'),
    command: (context) => enableProxyCommand(context, true, { json: false }),
  },
  'CHANGE PROXY PARAMS is proxy change': {
    before: STORED,
    press: (menu) =>
      menu
        .press('enter', 'enter')
        .type('OTHER.EXAMPLE')
        .press('enter')
        .type('81')
        .press('enter', 'enter')
        .type('again')
        .press('enter', 'enter'),
    command: (context) =>
      changeProxyCommand(context, flags({ address: 'other.example', port: '81', authentication: 'auto' })),
    password: 'again',
  },
  'CHANGE PROXY PARAMS of only the password is proxy change': {
    before: STORED,
    press: (menu) => menu.press('enter', 'enter', 'enter', 'enter', 'enter').type('newer').press('enter', 'enter'),
    command: (context) => changeProxyCommand(context, flags({})),
    password: 'newer',
  },
  'DISABLE PROXY is proxy disable': {
    before: STORED,
    press: (menu) => menu.press('down', 'enter', 'enter'),
    command: (context) => enableProxyCommand(context, false, { json: false }),
  },
};

it.each(Object.entries(CASES))('menu: %s', async (_name, { before, press, command, password = '' }) => {
  const [byMenu, byCommand] = [await rigOf(before), await rigOf(before)];
  const menu = await LiveMenu.over(byMenu);
  await press(menu).settle();
  expect(menu.rows).toContain('USER LOGIN');
  const { status, err } = await byCommand.run(command, { piped: `${password}\n` });
  expect([status, err.filter((line) => !line.startsWith('warning'))]).toEqual([0, []]);
  expect(await byMenu.text()).toBe(await byCommand.text());
  // A new password alone replaces the content of its file.
  expect((await byMenu.text()) === before).toBe(password === 'newer');
  const stored = (await byMenu.settings()).proxies[0]?.password?.reveal();
  expect(stored).toBe((await byCommand.settings()).proxies[0]?.password?.reveal());
  if (password !== '') expect(stored).toBe(password);
  for (const screen of menu.screens) if (password !== '') expect(screen).not.toContain(password);
});
