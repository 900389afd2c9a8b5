import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  addProxyCommand,
  changeProxyCommand,
  editProxyCommand,
  type ProfileFlags,
} from '#cli/settings/proxy-change.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import { CommandRig } from '#test/support/command-rig.ts';

const flagsOf = (fields: ProfileFlags['fields'], over: Partial<ProfileFlags> = {}): ProfileFlags => ({
  fields,
  makeDefault: false,
  json: false,
  ...over,
});
const CORP = `version: 2
proxies:
  - name: corp   # ours
    address: proxy.example.com
    port: 3128
    authentication: basic
    user: svc
    password: 'a first password'
    default: true
`;

let rig: CommandRig;
beforeEach(async () => {
  rig = await CommandRig.make(CORP);
});
afterEach(() => rig.folder.remove());

const add = (name: string | undefined, flags: ProfileFlags, script?: Parameters<CommandRig['run']>[1]) =>
  rig.run((context) => addProxyCommand(context, name, flags), script);
const edit = (flags: ProfileFlags, script?: Parameters<CommandRig['run']>[1]) =>
  rig.run((context) => editProxyCommand(context, 'corp', flags), script);

describe('proxy add with flags', () => {
  it('asks nothing and changes only its own lines', async () => {
    const { status, out, asked } = await add(
      'b',
      flagsOf({ address: 'b.example.com', port: '0443', 'no-proxy': 'a, .b' }),
    );
    expect({ status, asked }).toEqual({ status: 0, asked: [] });
    expect(out).toEqual([
      'Added proxy b.',
      `Written to ${rig.file}.`,
      'No daemon is running; the change applies at the next start.',
    ]);
    expect(await rig.text()).toBe(
      `${CORP}  - name: b\n    address: b.example.com\n    port: 443\n    no_proxy: 'a, .b'\n`,
    );
  });

  it('stores a password from standard input in a separate file', async () => {
    const flags = flagsOf({ address: 'b', authentication: 'basic', user: 'u' }, { passwordStdin: true, json: true });
    const { out } = await add('b', flags, { piped: 'a second password\r\n' });
    expect(JSON.parse(out.join('\n'))).toMatchObject({
      name: 'b',
      changed: true,
      secret_file: 'secrets/b',
      daemon: 'no daemon',
    });
    expect(await rig.read('secrets/b')).toBe('a second password\n');
  });

  it('refers to the password file relative to the configuration', async () => {
    await rig.folder.write('keys/b', 'a second password\n');
    await add('b', flagsOf({ address: 'b', authentication: 'basic', user: 'u' }, { passwordFile: 'keys/b' }));
    expect(await rig.text()).toContain('    password: { file: keys/b }\n');
  });

  it('asks only for the password at a terminal', async () => {
    const flags = flagsOf({ address: 'b', authentication: 'basic', user: 'u' });
    const { asked } = await add('b', flags, [['Password', 'a second password']]);
    expect(asked).toEqual([{ question: 'Password: ', shown: false }]);
  });

  it.each([
    [undefined, {}, 'Missing: a name and --address.'],
    ['b', {}, 'Missing: --address.'],
    ['b', { address: 'http://b:3128' }, '--address: This key takes only the host; write address: b and port: 3128.'],
    ['b', { address: 'b', port: '70000' }, '--port: Out of range; must be 1 to 65535.'],
    ['a b', { address: 'b' }, 'A name may contain at most 64 letters'],
    ['b', { address: 'b', authentication: 'basic', user: 'u' }, 'Use --password-stdin or --password-file'],
  ])('without a terminal reports what is missing or invalid: %s %j', async (name, fields, sentence) => {
    const failed = add(name, flagsOf(fields));
    await expect(failed).rejects.toBeInstanceOf(UsageError);
    await expect(failed).rejects.toThrow(sentence);
    expect(await rig.text()).toBe(CORP);
  });

  it('is refused with line and column if it makes the file invalid', async () => {
    const { status, err } = await add(
      'b',
      flagsOf({ address: 'b', authentication: 'basic' }, { passwordStdin: true }),
      {
        piped: 'a second password',
      },
    );
    expect(status).toBe(78);
    expect(err[1]).toMatch(
      /sallyport\.yaml:\d+:\d+: proxies\[1\]\.user: authentication is basic, which requires a user\./,
    );
    expect(await rig.text()).toBe(CORP);
    await expect(rig.read('secrets/b')).rejects.toThrow('ENOENT');
  });

  it('warns if the address is the default gateway', async () => {
    const { err } = await add('b', flagsOf({ address: '10.0.0.1' }));
    expect(err[0]).toContain('warning: 10.0.0.1 is the default gateway of this host');
  });
});

describe('proxy edit', () => {
  it('changes one token and keeps the password', async () => {
    await edit(flagsOf({ user: 'other' }));
    expect(await rig.text()).toBe(CORP.replace('svc', 'other'));
  });

  it('removes a key that is given an empty value', async () => {
    await rig.folder.write('sallyport.yaml', `${CORP}    no_proxy: localhost   # never\n    # the end\n`);
    await edit(flagsOf({ 'no-proxy': '' }));
    expect(await rig.text()).toBe(`${CORP}    # the end\n`);
  });

  it.each([{ address: 'other.example.com' }, { port: '8080' }])(
    'requires the password again if another server would receive it: %j',
    async (fields) => {
      await expect(edit(flagsOf(fields))).rejects.toMatchObject({ code: 'PASSWORD-ANEW' });
      expect(await rig.text()).toBe(CORP);
      const { asked } = await edit(flagsOf(fields), [['again', 'a second password']]);
      expect(asked).toHaveLength(1);
      expect(await rig.text()).toContain('    password: { file: secrets/corp }\n');
    },
  );

  it('does not treat another case of a name as another proxy', async () => {
    expect((await edit(flagsOf({ address: 'PROXY.example.com' }))).status).toBe(0);
  });

  it('does not keep the password for another proxy on ENTER', async () => {
    const cancelled = edit(flagsOf({ port: '8080' }), [['again', '']]);
    await expect(cancelled).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await rig.text()).toBe(CORP);
  });

  it('writes a new password to the same file', async () => {
    await edit(flagsOf({}, { passwordStdin: true }), { piped: 'a second password' });
    const before = await rig.text();
    expect(before).toContain('password: { file: secrets/corp }');
    await edit(flagsOf({}, { passwordStdin: true }), { piped: 'a third password' });
    expect(await rig.text()).toBe(before);
    expect(await rig.read('secrets/corp')).toBe('a third password\n');
  });

  it('renames the profile and all references to it', async () => {
    await rig.folder.write('sallyport.yaml', `${CORP}use_proxy_for:\n  updates: corp\n`);
    const { out } = await edit(flagsOf({}, { rename: 'main' }));
    expect(out[1]).toBe('It is now named main; references to it changed as well.');
    expect(await rig.text()).toContain('- name: main   # ours');
    expect(await rig.text()).toContain('  updates: main\n');
  });

  it('reports that nothing is given if there is no terminal', async () => {
    await expect(edit(flagsOf({}))).rejects.toBeInstanceOf(UsageError);
  });

  it('refuses an unknown name', async () => {
    const failed = rig.run((context) => editProxyCommand(context, 'x', flagsOf({ port: '1' })));
    await expect(failed).rejects.toMatchObject({ code: 'PROFILE-UNKNOWN' });
  });
});

describe('proxy change', () => {
  it('edits the default profile', async () => {
    await rig.run((context) => changeProxyCommand(context, flagsOf({ user: 'other' })));
    expect((await rig.settings()).proxies[0]?.user).toBe('other');
  });

  it('without a default says which command to use', async () => {
    await rig.folder.write('sallyport.yaml', 'version: 2\n');
    const change = rig.run((context) => changeProxyCommand(context, flagsOf({ port: '1' })));
    await expect(change).rejects.toMatchObject({
      code: 'PROFILE-NO-DEFAULT',
      check: expect.stringContaining('To add a proxy: sallyport proxy add.'),
    });
  });
});
