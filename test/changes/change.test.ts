// Changes by functions that return data, without a command line. The output of the commands is tested in test/cli.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChangeContext } from '#changes/context.ts';
import { awaitDaemon } from '#changes/daemon-outcome.ts';
import { makeChange } from '#changes/make.ts';
import { tryChange } from '#changes/trial.ts';
import type { LoadedSettings } from '#config/reading/load.ts';
import { coded } from '#errors/coded-error.ts';
import { CommandRig } from '#test/support/command-rig.ts';
import { aFailure, aStatus, fakeControl } from '#test/support/fake-control.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';

const TEXT = 'version: 2\nproxy_enabled: true\n';
const LATER = new Date(Date.now() + 3_600_000).toISOString();
const OFF = { edits: [{ kind: 'set', path: 'proxy_enabled', value: false } as const] };
const WRONG = { edits: [{ kind: 'set', path: 'proxy_enabled', value: 'maybe' } as const] };
const TRIAL = { windowMs: 60_000, mayWait: true, onEvent: () => undefined };

let rig: CommandRig;
let loaded: LoadedSettings;
beforeEach(async () => {
  rig = await CommandRig.make(TEXT);
  const result = await context().load();
  if (!result.ok) throw result.error;
  loaded = result;
});
afterEach(() => rig.folder.remove());

/** A context without a terminal. */
function context(over: Partial<ChangeContext> = {}): ChangeContext {
  const { files, clock, load, findDaemon, openControl, requester, signal } = rig.context(fakeTerminal());
  return { files, clock, load, findDaemon, openControl, requester, signal, ...over };
}

const daemonWith = (config: object) =>
  fakeControl({
    status: () => Promise.resolve(aStatus({ config: { ...aStatus().config, file: rig.file, ...config } })),
  });

describe('tryChange', () => {
  it('returns the verdict of the daemon and writes nothing', async () => {
    rig.daemon = daemonWith({});
    const verdict = { confirmed: true, by: 'stages', failure: null };
    expect(await tryChange(context(), loaded, { ...TRIAL, change: OFF })).toEqual({ state: 'judged', verdict });
    expect(await rig.text()).toBe(TEXT);
  });

  it('returns every error of a file that would be invalid, without a daemon', async () => {
    const outcome = await tryChange(context({ findDaemon: () => Promise.reject(new Error('asked')) }), loaded, {
      ...TRIAL,
      change: WRONG,
    });
    expect(outcome).toMatchObject({ state: 'refused', refused: { problems: [{ key: 'proxy_enabled', line: 2 }] } });
  });

  it('distinguishes a broken trial from one that its caller interrupted', async () => {
    const gone = coded('CONTROL-UNREACHABLE', { path: '/run/c.sock', reason: 'it stopped' });
    rig.daemon = fakeControl({ tryChange: () => Promise.reject(gone) });
    expect(await tryChange(context(), loaded, { ...TRIAL, change: OFF })).toEqual({ state: 'broken', error: gone });
    const signal = AbortSignal.abort(new Error('Ctrl-C'));
    const outcome = await tryChange(context({ signal }), loaded, { ...TRIAL, change: OFF });
    expect(outcome).toMatchObject({ state: 'interrupted', error: { code: 'CANCELLED' } });
  });

  it('waits for a confirmation only if a daemon runs', async () => {
    const asked: boolean[] = [];
    const control = fakeControl({
      tryChange: ({ waits }) => {
        asked.push(waits);
        return Promise.resolve({ confirmed: true, by: 'stages', failure: null });
      },
    });
    await tryChange(context({ openControl: () => Promise.resolve(control) }), loaded, { ...TRIAL, change: OFF });
    rig.daemon = control;
    await tryChange(context(), loaded, { ...TRIAL, change: OFF });
    await tryChange(context(), loaded, { ...TRIAL, mayWait: false, change: OFF });
    expect(asked).toEqual([false, true, false]);
  });
});

describe('makeChange', () => {
  it('returns what was written and whether the daemon applied it', async () => {
    rig.daemon = daemonWith({ since: LATER });
    expect(await makeChange(context(), loaded, OFF)).toEqual({
      state: 'made',
      changed: true,
      stored: null,
      removed: [],
      kept: [],
      warnings: [],
      daemon: { taken: 'taken' },
    });
    expect(await rig.text()).toContain('proxy_enabled: false');
  });

  it('writes nothing if the file would be invalid or already has these values', async () => {
    expect(await makeChange(context(), loaded, WRONG)).toMatchObject({ state: 'refused' });
    expect(await makeChange(context(), loaded, { edits: [] })).toMatchObject({ changed: false, daemon: null });
    expect(await rig.text()).toBe(TEXT);
  });

  it('does not overwrite a file that changed in the meantime', async () => {
    await rig.folder.write('sallyport.yaml', `${TEXT}# somebody else\n`);
    await expect(makeChange(context(), loaded, OFF)).rejects.toMatchObject({ code: 'CONFIG-CHANGED' });
  });
});

describe('awaitDaemon', () => {
  const written = () => ({ file: rig.file, writtenAtMs: Date.now() });

  it.each([
    [{ since: LATER }, { taken: 'taken' }],
    [{ refused: { at: LATER, first: 'no', count: 1 } }, { taken: 'refused', refusal: 'no' }],
    [{ held: { since: LATER, failure: aFailure() } }, { taken: 'held', refusal: expect.stringContaining('AUTH-') }],
    [{ file: '/etc/other.yaml' }, { taken: 'another file' }],
  ])('returns the outcome for the status %j', async (config, outcome) => {
    rig.daemon = daemonWith(config);
    expect(await awaitDaemon(context(), written())).toEqual(outcome);
  });

  it('returns why a daemon could not be reached, instead of failing', async () => {
    const refused = coded('CONTROL-UNREACHABLE', { path: '/run/c.sock', reason: 'EACCES' });
    const outcome = await awaitDaemon(context({ findDaemon: () => Promise.reject(refused) }), written());
    expect(outcome).toEqual({ taken: 'not yet', unreachable: refused });
    expect(await awaitDaemon(context(), written())).toEqual({ taken: 'no daemon' });
  });
});
