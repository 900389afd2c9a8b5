import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { changeProxyCommand } from '#cli/settings/proxy-change.ts';
import { enableProxyCommand } from '#cli/settings/proxy-delete.ts';
import type { Status } from '#control/control.ts';
import { coded } from '#errors/coded-error.ts';
import type { Clock } from '#system/clock.ts';
import { CommandRig } from '#test/support/command-rig.ts';
import { aFailure, aStatus, fakeControl } from '#test/support/fake-control.ts';

let rig: CommandRig;
beforeEach(async () => {
  rig = await CommandRig.make('version: 2\n');
});
afterEach(() => rig.folder.remove());

const disable = (json = false) => rig.run((context) => enableProxyCommand(context, false, { json }));

/** A daemon that returns these answers in order, and then always the last one. */
function daemonThatSays(...answers: Partial<Status['config']>[]) {
  let asked = 0;
  return fakeControl({
    status: () => {
      const config = { ...aStatus().config, file: rig.file, ...answers[Math.min(asked, answers.length - 1)] };
      asked += 1;
      return Promise.resolve(aStatus({ config }));
    },
  });
}

const LATER = new Date(Date.now() + 3_600_000).toISOString();
const BEFORE = '2020-01-01T00:00:00.000Z';

describe('the command after an edit', () => {
  it('reports that the daemon applied it, once it has', async () => {
    rig.daemon = daemonThatSays({ since: BEFORE }, { since: LATER });
    const { status, out } = await disable();
    expect({ status, last: out.at(-1) }).toEqual({
      status: 0,
      last: 'The running daemon has applied the change.',
    });
  });

  it('exits with 78 if the daemon rejects the written file', async () => {
    const refused = { at: LATER, first: '[POLICY-DIRECT] no', count: 1 };
    rig.daemon = daemonThatSays({ since: BEFORE, refused });
    const { status, err } = await disable();
    expect(status).toBe(78);
    expect(err).toEqual([
      'The daemon rejected the change; the previous settings remain in effect:',
      '  [POLICY-DIRECT] no',
    ]);
    expect((await rig.settings()).proxy_enabled).toBe(false);
  });

  it('ignores the rejection of an earlier edit', async () => {
    rig.daemon = daemonThatSays({ since: LATER, refused: { at: BEFORE, first: 'old', count: 1 } });
    expect((await disable()).status).toBe(0);
  });

  it('reports that the daemon uses another file', async () => {
    rig.daemon = daemonThatSays({ file: '/etc/other.yaml' });
    expect((await disable()).out.at(-1)).toBe(
      'The running daemon uses a different configuration file, so the change does not affect it.',
    );
  });

  it('reports if the daemon has not applied it in time', async () => {
    // The clock advances ten seconds each time it is read, and every wait ends at once.
    let passed = 0;
    const clock: Clock = {
      now: () => Date.now(),
      monotonic: () => (passed += 10_000),
      after: (_ms, callback) => {
        queueMicrotask(callback);
        return { cancel: () => undefined, restart: () => undefined };
      },
    };
    rig.over = { clock };
    rig.daemon = daemonThatSays({ since: BEFORE });
    expect((await disable()).out.at(-1)).toContain('has not yet reported that it applied the change');
  });

  it('reports why it could not reach the daemon, and does not fail', async () => {
    rig.over = {
      findDaemon: () => Promise.reject(coded('CONTROL-UNREACHABLE', { path: '/run/c.sock', reason: 'EACCES' })),
    };
    const { status, err, out } = await disable();
    expect(status).toBe(0);
    expect(err[0]).toContain('[CONTROL-UNREACHABLE]');
    expect(out.at(-1)).toContain('has not yet reported');
  });

  it.each([
    ['has applied', { since: LATER }, [], ['corp.2']],
    [
      'does not apply',
      { since: BEFORE, held: { since: LATER, failure: aFailure() } },
      ['secrets/corp still holds the previous password, which the active settings use.'],
      ['corp', 'corp.2'],
    ],
  ])('removes the previous password only if unused: the daemon %s the change', async (_how, says, told, left) => {
    const account = 'authentication: basic, user: u, password: {file: secrets/corp}';
    const text = `version: 2\nproxies: [{name: corp, address: a, default: true, ${account}}]\n`;
    await rig.folder.write('secrets/corp', 'a first password\n');
    await rig.folder.write('sallyport.yaml', `${text}daemon: {state_dir: state}\n`);
    rig.daemon = daemonThatSays(says);
    const flags = { fields: { port: '8080' }, passwordStdin: true, makeDefault: false, json: false };
    const { out } = await rig.run((context) => changeProxyCommand(context, flags), { piped: 'a second password' });
    expect(out.filter((line) => line.includes('still holds the previous password'))).toEqual(told);
    expect((await readdir(join(rig.folder.path, 'secrets'))).toSorted()).toEqual(left);
  });

  it('prints everything as one JSON object', async () => {
    rig.daemon = daemonThatSays({ since: LATER });
    expect(JSON.parse((await disable(true)).out.join('\n'))).toEqual({
      proxy_enabled: false,
      file: rig.file,
      changed: true,
      secret_file: null,
      removed_secret_files: [],
      warnings: [],
      daemon: 'taken',
    });
  });
});

describe('an invalid file', () => {
  it('is reported with every error and not edited', async () => {
    await rig.folder.write('sallyport.yaml', 'version: 2\nproxy_enabledd: true\n');
    const { status, err } = await disable();
    expect(status).toBe(78);
    expect(err[0]).toContain('proxy_enabledd');
    expect(await rig.text()).toBe('version: 2\nproxy_enabledd: true\n');
  });
});
