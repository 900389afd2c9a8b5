// `sallyport config import` with real files: what it shows, tries and writes, and that no password is printed.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configImportCommand, type ImportArguments } from '#cli/settings/config-import.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import { coded } from '#errors/coded-error.ts';
import { CommandRig, type Script } from '#test/support/command-rig.ts';
import { aFailure, aStatus, fakeControl } from '#test/support/fake-control.ts';

const FILE = 'version: 2\n# ours\nupdates:\n  parallel: 1\n';
const OLD = 'https_proxy=http://svc:s3cret-w0rd@proxy.example.com:3128\nno_proxy=localhost\nftp_proxy=http://x:1\n';

let rig: CommandRig;
beforeEach(async () => {
  rig = await CommandRig.make(FILE);
  await rig.folder.write('environment', OLD, 0o600);
});
afterEach(() => rig.folder.remove());

/** Every trial has this result; returns the settings that were tried. */
function trials(confirmed: boolean): string[] {
  const tried: string[] = [];
  const config = { ...aStatus().config, file: rig.file, since: new Date(Date.now() + 3_600_000).toISOString() };
  rig.daemon = fakeControl({
    status: () => Promise.resolve(aStatus({ config })),
    tryChange: ({ text }) => {
      tried.push(text);
      return Promise.resolve(
        confirmed ? { confirmed, by: 'stages', failure: null } : { confirmed, by: 'nobody', failure: aFailure() },
      );
    },
  });
  return tried;
}

function bring(over: Partial<ImportArguments> = {}, script: Script = { piped: '' }) {
  const given = {
    files: ['environment'],
    from: undefined,
    name: 'imported',
    makeDefault: false,
    yes: false,
    json: false,
    confirm: {},
  };
  return rig.run((context) => configImportCommand(context, { ...given, ...over }), script);
}

describe('config import', () => {
  it('config import: shows what it found and the change, tries it, and writes it after a yes', async () => {
    const tried = trials(true);
    const { status, out, err } = await bring({}, [['Try these settings', 'y']]);
    expect({ status, tried: tried.length }).toEqual({ status: 0, tried: 1 });
    const at = (line: number) => `${rig.folder.path}/environment:${line}`;
    expect(out[0]).toBe(
      `${at(1)}: https_proxy -> imported: http proxy proxy.example.com:3128, user svc, with its password`,
    );
    expect(out).toContain(`${at(2)}: no_proxy -> no_proxy: localhost`);
    expect(out).toContain(`${at(3)}: ftp_proxy: it has no counterpart in Sallyport.`);
    expect(out).toContain('+    password: { file: secrets/imported }');
    expect([...out, ...err].join('\n')).not.toContain('s3cret');

    const [profile] = (await rig.settings()).proxies;
    expect(profile).toMatchObject({
      name: 'imported',
      address: 'proxy.example.com',
      port: 3_128,
      user: 'svc',
      default: true,
    });
    expect(profile?.password?.reveal()).toBe('s3cret-w0rd');
    expect(await rig.text()).not.toContain('s3cret');
    expect(await rig.read('secrets/imported')).toBe('s3cret-w0rd\n');
  });

  it('config import: writes nothing after a failed trial, a no, or without an answer', async () => {
    trials(false);
    expect((await bring({ yes: true })).status).toBe(12);
    await expect(bring({}, [['Try these settings', 'n']])).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(bring()).rejects.toBeInstanceOf(UsageError);
    expect(await rig.text()).toBe(FILE);
  });

  it('config import: a second import changes nothing and tries nothing', async () => {
    trials(true);
    await bring({ yes: true });
    const tried = trials(true);
    const { status, out } = await bring({ yes: true });
    expect({ status, tried }).toEqual({ status: 0, tried: [] });
    expect(out.at(-1)).toContain('already has this proxy, as imported');
  });

  it('config import: --save-anyway writes although the trial fails', async () => {
    trials(false);
    expect((await bring({ yes: true, confirm: { saveAnyway: true } })).status).toBe(0);
    expect((await rig.settings()).proxies).toHaveLength(1);
  });

  it('config import: a list becomes a proxy with fallbacks, and a present default stays', async () => {
    trials(true);
    await rig.folder.write(
      'sallyport.yaml',
      `${FILE}proxies:\n  - { name: corp, address: a.example.com, default: true }\n`,
      0o640,
    );
    await rig.folder.write(
      'qualys-cloud-agent',
      'qualys_https_proxy=http://p1.example.com:1;http://p2.example.com:2\n',
      0o600,
    );
    expect((await bring({ yes: true, files: ['qualys-cloud-agent'], name: 'q' })).status).toBe(0);
    const { proxies } = await rig.settings();
    expect(proxies.map(({ name, default: isDefault, fallback }) => [name, isDefault, fallback])).toEqual([
      ['corp', true, []],
      ['q', false, ['q-2']],
      ['q-2', false, []],
    ]);
  });

  it('config import: root imports before the first start of the service, without a trial', async () => {
    const refused = coded('STATE-OF-OTHERS', { path: '/var/lib/sallyport', owner: 999, self: 0 });
    rig.over = { openControl: () => Promise.reject(refused) };
    const { status, err } = await bring({ yes: true });
    expect({ status, err }).toEqual({
      status: 0,
      err: [expect.stringContaining('not tested, because the service is not running')],
    });
    expect((await rig.settings()).proxies).toHaveLength(1);
  });

  it.each([
    [{ files: ['none.txt'] }, 'Use --from with one of'],
    [{ files: ['none.sh'] }, 'there is no such file'],
    [{ files: ['environment'], from: 'pac' as const }, 'pac needs the URL'],
    [{ files: ['environment'], from: 'apt' as const }, 'it has no proxy settings'],
  ])('config import: %j is refused', async (over, text) => {
    await expect(bring(over)).rejects.toMatchObject({ code: 'CONFIG-IMPORT', message: expect.stringContaining(text) });
  });
});
