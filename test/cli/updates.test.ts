import { describe, expect, it } from 'vitest';
import { listUpdatesCommand, runHookCommand, verifyUpdatesCommand } from '#cli/updates.ts';
import type { UpdateRow, VerifiedRow } from '#control/control.ts';
import { coded } from '#errors/coded-error.ts';
import { aFailure, anUpdate, aVerified, fakeControl } from '#test/support/fake-control.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';

const NEVER = new AbortController().signal;

async function list(rows: UpdateRow[], json = false) {
  const terminal = fakeTerminal();
  const control = fakeControl({ listUpdates: () => Promise.resolve(rows) });
  return { status: await listUpdatesCommand(control, terminal, { json }), ...terminal };
}

async function verify(rows: VerifiedRow[], json = false) {
  const terminal = fakeTerminal();
  const control = fakeControl({ verifyUpdates: () => Promise.resolve(rows) });
  return { status: await verifyUpdatesCommand(control, terminal, { json, signal: NEVER }), ...terminal };
}

describe('updates list', () => {
  it('prints a table in a stable form', async () => {
    const other = anUpdate({ id: 'engine-7', package: 'engine', sequence: 7, kind: 'product', length: 999 });
    const { status, printed } = await list([anUpdate({ notes: 'Monthly' }), { ...other, notes: 'Fixes a crash.' }]);
    expect(status).toBe(0);
    expect(printed).toEqual([
      'ID        PACKAGE  SEQUENCE  KIND     SIZE       TRUST  PUBLISHED             NOTES',
      '1602503   content        42  content  20.0 MB    tls    2026-11-20T00:05:07Z  Monthly',
      'engine-7  engine          7  product  999 bytes  tls    2026-11-20T00:05:07Z  "Fixes a crash."',
    ]);
  });

  it('says so when there is none', async () => {
    expect((await list([])).printed).toEqual(['No update has been published yet.']);
    expect((await list([], true)).printed).toEqual(['[]']);
  });

  it('prints complete rows with --json', async () => {
    const rows = [anUpdate({ notes: 'a\u009bb\u2028\u202e' }), anUpdate({ id: 'u2' })];
    const { printed } = await list(rows, true);
    expect(JSON.parse(printed.join('\n'))).toEqual(rows);
  });

  it.each([false, true])('lets no note control the terminal or add a line (--json: %s)', async (json) => {
    const notes = 'x\u001b[2J\u009b31m\r\nu9  content  1\u202e\u2028\u0000\u200b';
    const { printed } = await list([anUpdate({ notes })], json);
    // eslint-disable-next-line no-control-regex
    expect(printed.join('\n')).not.toMatch(/[^\n\u0020-\u007e]/);
    if (!json) expect(printed).toHaveLength(2);
  });
});

describe('updates verify', () => {
  const damaged = aVerified({
    id: 'u2',
    failure: aFailure({ code: 'DIGEST-WRONG', message: 'The digest differs.', class: 'content' }),
  });

  it('names each package, and exits with the status of the first damaged one', async () => {
    const { status, printed } = await verify([aVerified(), damaged]);
    expect(status).toBe(17);
    expect(printed).toEqual(['1602503: intact', 'u2: [DIGEST-WRONG] The digest differs.']);
  });

  it('exits with 0 if every package is intact', async () => {
    expect((await verify([aVerified()])).status).toBe(0);
  });

  it('says so when there is none', async () => {
    expect(await verify([])).toMatchObject({ status: 0, printed: ['No update has been published yet.'] });
  });

  it('prints the same with --json, with the same status', async () => {
    const { status, printed } = await verify([aVerified(), damaged], true);
    expect(JSON.parse(printed.join('\n'))).toEqual([aVerified(), damaged]);
    expect(status).toBe(17);
  });
});

describe('updates hook', () => {
  it('runs the hook for this update, shows its events and reports success', async () => {
    const [asked, shown]: [string[], string[]] = [[], []];
    const control = fakeControl({
      runHook: (id, onEvent) => {
        asked.push(id);
        onEvent({ name: 'hook-running', id, attempt: 1, attempts: 1 });
        return Promise.resolve({ id, elapsed_ms: 7 });
      },
    });
    const terminal = fakeTerminal();
    const options = {
      id: 'u1',
      json: false,
      signal: NEVER,
      show: (event: { name: string }) => void shown.push(event.name),
    };

    expect(await runHookCommand(control, terminal, options)).toBe(0);
    expect({ asked, shown, printed: terminal.printed }).toEqual({
      asked: ['u1'],
      shown: ['hook-running'],
      printed: ['The hook for update ID u1 succeeded.'],
    });
  });

  it('prints only the result with --json', async () => {
    const terminal = fakeTerminal();
    await runHookCommand(fakeControl(), terminal, { id: 'u1', json: true, signal: NEVER, show: () => undefined });
    expect(JSON.parse(terminal.printed.join('\n'))).toEqual({ id: 'u1', elapsed_ms: 12 });
  });

  it('fails with the failure of the run', async () => {
    const failure = coded('HOOK-FAILED', { id: 'u1', tries: 1, ending: 'exit status 3' });
    const control = fakeControl({ runHook: () => Promise.reject(failure) });
    const options = { id: 'u1', json: false, signal: NEVER, show: () => undefined };
    await expect(runHookCommand(control, fakeTerminal(), options)).rejects.toBe(failure);
  });
});
