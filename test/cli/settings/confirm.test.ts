import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CommandContext } from '#cli/settings/command-context.ts';
import { confirmCommand, parseWindow } from '#cli/settings/confirm.ts';
import { defaultProxyCommand, deleteProxyCommand, enableProxyCommand } from '#cli/settings/proxy-delete.ts';
import { setRouteCommand } from '#cli/settings/route.ts';
import type { ChangeRequest, ChangeVerdict } from '#control/change.ts';
import { coded } from '#errors/coded-error.ts';
import { CommandRig, type Script } from '#test/support/command-rig.ts';
import { aFailure, aStatus, fakeControl } from '#test/support/fake-control.ts';

const TEXT = 'version: 2\n# ours\nproxy_enabled: true\n';

const TWO = 'version: 2\nproxies:\n  - { name: a, address: a, default: true }\n  - { name: b, address: b }\n';
const WITHIN = { confirmWithin: 60_000, saveAnyway: false };
const FORCED = { force: true, newDefault: 'b', yes: true, json: false };

let rig: CommandRig;
let asked: ChangeRequest[];
beforeEach(async () => {
  rig = await CommandRig.make(TEXT);
  asked = [];
});
afterEach(() => rig.folder.remove());

function daemonThatFinds(verdict: ChangeVerdict): void {
  const config = { ...aStatus().config, file: rig.file, since: new Date(Date.now() + 3_600_000).toISOString() };
  rig.daemon = fakeControl({
    status: () => Promise.resolve(aStatus({ config })),
    tryChange: (request) => {
      asked.push(request);
      return Promise.resolve(verdict);
    },
  });
}

const disable = (options: { saveAnyway?: boolean; json?: boolean } = {}, script?: Script) =>
  rig.run((context) => {
    const { saveAnyway = false, json = false } = options;
    return enableProxyCommand(context, false, { json, confirm: { confirmWithin: 60_000, saveAnyway } });
  }, script);

const FAILED: ChangeVerdict = { confirmed: false, by: 'nobody', failure: aFailure() };

describe('a change with --confirm-within', () => {
  it('is tried first, and written once it is confirmed', async () => {
    daemonThatFinds({ confirmed: true, by: 'stages', failure: null });
    const { status, out } = await disable();
    expect({ status, first: out[0] }).toEqual({ status: 0, first: 'The new settings work.' });
    expect(asked[0]).toMatchObject({ window_ms: 60_000, waits: true, by: 'process 1 of user root', typed: [] });
    expect(asked[0]?.text).toContain('# ours\nproxy_enabled: false\n');
    expect(await rig.text()).toBe(TEXT.replace('true', 'false'));
  });

  it('that fails is not written and decides the status', async () => {
    daemonThatFinds(FAILED);
    const { status, err } = await disable();
    expect(status).toBe(12);
    expect(err[0]).toBe(
      'New settings failed with AUTH-REJECTED; the previous settings remain in effect. Nothing was written.',
    );
    expect(await rig.text()).toBe(TEXT);
  });

  it.each([
    ['proxy default', (context: CommandContext) => defaultProxyCommand(context, 'b', { json: false, confirm: WITHIN })],
    ['proxy delete', (context: CommandContext) => deleteProxyCommand(context, 'a', { ...FORCED, confirm: WITHIN })],
    [
      'route set',
      (context: CommandContext) =>
        setRouteCommand(context, { purpose: 'updates', use: 'b', json: false, confirm: WITHIN }),
    ],
  ])('of %s is also tried first', async (_name, command) => {
    await rig.folder.write('sallyport.yaml', TWO);
    daemonThatFinds(FAILED);
    const { status, err } = await rig.run(command);
    expect({ status, first: err[0] }).toEqual({ status: 12, first: expect.stringContaining('AUTH-REJECTED') });
    expect(asked).toHaveLength(1);
    expect(asked[0]?.text).not.toBe(TWO);
    expect(await rig.text()).toBe(TWO);
  });

  it('without an answer exits with the timeout status', async () => {
    daemonThatFinds({ ...FAILED, failure: null });
    expect((await disable()).status).toBe(16);
    expect(await rig.text()).toBe(TEXT);
  });

  it('that fails is written with --save-anyway', async () => {
    daemonThatFinds(FAILED);
    const { status, err } = await disable({ saveAnyway: true });
    expect(status).toBe(0);
    expect(asked[0]?.waits).toBe(false);
    expect(err[0]).toContain('The network may be down.');
    expect((await rig.settings()).proxy_enabled).toBe(false);
  });

  it.each([
    ['y', 0, false],
    ['n', 12, true],
  ])('that failed is saved only if the user agrees: %s', async (answer, status, enabled) => {
    daemonThatFinds(FAILED);
    expect((await disable({}, [['Save them anyway?', answer]])).status).toBe(status);
    expect((await rig.settings()).proxy_enabled).toBe(enabled);
  });

  it('prints everything as JSON', async () => {
    daemonThatFinds(FAILED);
    const { out } = await disable({ json: true });
    expect(JSON.parse(out.join('\n'))).toMatchObject({ changed: false, confirmation: FAILED });
  });

  it('does not wait for a confirmation if no daemon runs', async () => {
    const tryChange = (request: ChangeRequest) => {
      asked.push(request);
      return Promise.resolve(FAILED);
    };
    rig.over = { openControl: () => Promise.resolve(fakeControl({ tryChange })) };
    expect((await disable()).status).toBe(12);
    expect(asked[0]?.waits).toBe(false);
  });

  it('that is interrupted reports that nothing was written', async () => {
    const ending = new AbortController();
    rig.over = { signal: ending.signal };
    rig.daemon = fakeControl({
      tryChange: () => {
        ending.abort(coded('INTERRUPTED', { reason: 'SIGINT' }));
        return Promise.reject(ending.signal.reason as Error);
      },
    });
    await expect(disable()).rejects.toMatchObject({
      code: 'CANCELLED',
      check: expect.stringContaining('Nothing was written.'),
    });
    expect(await rig.text()).toBe(TEXT);
  });

  it('prints its failure with the hop, without quotes', async () => {
    const failure = aFailure();
    daemonThatFinds({ ...FAILED, failure });
    expect((await disable()).err).toEqual([
      expect.stringContaining('New settings failed with AUTH-REJECTED'),
      `  ${failure.message}`,
      `  At ${failure.hop}. ${failure.check}`,
    ]);
  });

  it('writes nothing if the daemon disappears in the meantime', async () => {
    rig.daemon = fakeControl({
      tryChange: () => Promise.reject(coded('CONTROL-UNREACHABLE', { path: '/run/c.sock', reason: 'it stopped' })),
    });
    const said: string[] = [];
    const gone = rig.run((context) => {
      const terminal = { ...context.terminal, err: (line: string) => void said.push(line) };
      return enableProxyCommand({ ...context, terminal }, false, { json: false, confirm: WITHIN });
    });
    await expect(gone).rejects.toThrow('[CONTROL-UNREACHABLE]');
    expect(said).toEqual([
      'The test of the new settings did not finish. Nothing was written; the previous settings remain in effect.',
    ]);
    expect(await rig.text()).toBe(TEXT);
  });
});

describe('proxy confirm', () => {
  it('confirms, or reports that there is nothing to confirm', async () => {
    rig.daemon = fakeControl();
    expect((await rig.run(confirmCommand)).out).toEqual(['Confirmed: the daemon has applied the waiting change.']);
    const [since, until] = ['2026-11-20T00:00:00Z', '2026-11-20T00:01:00Z'];
    const trying = { by: 'process 7 of user 0', since, until, failure: null };
    const config = { ...aStatus().config, trying };
    rig.daemon = fakeControl({ status: () => Promise.resolve(aStatus({ config })) });
    expect((await rig.run(confirmCommand)).out).toEqual(['Confirmed: process 7 of user 0 now saves its change.']);
    rig.daemon = fakeControl({ confirmChange: () => Promise.reject(coded('CHANGE-NONE', {})) });
    await expect(rig.run(confirmCommand)).rejects.toThrow('[CHANGE-NONE]');
  });
});

describe('the time of --confirm-within', () => {
  it.each<[string, number | null]>([
    ['60s', 60_000],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['90', 90_000],
    ['4s', null],
    ['2h', null],
    ['soon', null],
    ['', null],
  ])('is read or refused: "%s"', (text, ms) => {
    expect(parseWindow(text)).toBe(ms);
  });
});
