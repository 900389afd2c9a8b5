import { describe, expect, it } from 'vitest';
import type { PathEntry } from '#system/process/command.ts';
import { checkPath, checkTrust, delayAfter, endingOf, hookEnvironment, nextHook } from '#updates/hook/hook-decision.ts';
import type { HookRecord } from '#updates/hook/hook-journal.ts';

const record = (id: string, over: Partial<HookRecord> = {}): HookRecord => ({
  id,
  package: 'content',
  sequence: 7,
  kind: 'content',
  length: 100,
  sha256: 'a'.repeat(64),
  trust: 'tls',
  requires: [],
  order: 1,
  state: 'waiting',
  tries: 0,
  ending: null,
  ...over,
});
const folder = (path: string, over: Partial<PathEntry> = {}): PathEntry => ({
  path,
  kind: 'folder',
  mode: 0o755,
  owner: 0,
  ...over,
});
const program = (over: Partial<PathEntry> = {}): PathEntry => folder('/opt/hook', { kind: 'file', ...over });

describe('hook: trust', () => {
  it('of tls runs the hook only if the file says so; that of loopback never does', () => {
    expect(checkTrust('tls', 'tls')).toBeNull();
    expect(checkTrust('tls', undefined)).toContain('updates.hook_trust');
    expect(checkTrust('loopback', 'tls')).not.toBeNull();
    expect(checkTrust('loopback', undefined)).not.toBeNull();
  });
});

describe('hook: the path of the command', () => {
  const way = (...points: PathEntry[]) => checkPath(points, 990);

  it('may be changed only by root and by our user', () => {
    expect(way(folder('/'), folder('/opt', { owner: 990 }), program())).toBeNull();
    expect(way(folder('/'), folder('/opt', { owner: 1_000 }), program())).toMatchObject({ path: '/opt' });
    expect(way(folder('/'), folder('/opt'), program({ owner: 1_000 }))).toMatchObject({ path: '/opt/hook' });
  });

  it.each([0o775, 0o757, 0o777, 0o1777, 0o722])('has no folder that others can write: %o', (mode) => {
    const seen = way(folder('/'), folder('/opt', { mode }), program());
    expect(seen).toEqual({ path: '/opt', reason: expect.stringContaining(mode.toString(8)) });
  });

  it.each([0o775, 0o757, 0o4772])('ends in a program that others cannot write: %o', (mode) => {
    expect(way(folder('/'), folder('/opt'), program({ mode }))?.path).toBe('/opt/hook');
  });

  it('may contain links of root, but none of other users', () => {
    const link = folder('/opt', { kind: 'symbolic link', mode: 0o777 });
    expect(way(folder('/'), link, folder('/usr'), program())).toBeNull();
    expect(way(folder('/'), { ...link, owner: 1_000 }, folder('/usr'), program())?.path).toBe('/opt');
  });

  it('ends in an executable file', () => {
    expect(way(folder('/'), folder('/opt'))?.reason).toBe('is not a program');
    expect(way(folder('/'), program({ mode: 0o644 }))?.reason).toBe('is not executable');
    expect(way(folder('/'), program({ kind: 'other' }))?.reason).toBe('is not a program');
    expect(way(folder('/'), folder('/opt', { kind: 'file' }), program())?.reason).toBe('is not a folder');
  });
});

describe('hook: the environment', () => {
  it('has exactly these variables', () => {
    expect(hookEnvironment(record('u1', { sequence: 12 }), '/data/u1.jar')).toEqual({
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      LANG: 'C.UTF-8',
      SALLYPORT_ID: 'u1',
      SALLYPORT_PACKAGE: 'content',
      SALLYPORT_PATH: '/data/u1.jar',
      SALLYPORT_SHA256: 'a'.repeat(64),
      SALLYPORT_SEQUENCE: '12',
      SALLYPORT_KIND: 'content',
      SALLYPORT_TRUST: 'tls',
    });
  });
});

describe('hook: the next update', () => {
  it('is the oldest one that waits or was interrupted', () => {
    const records = [
      record('c', { order: 3 }),
      record('b', { order: 2, state: 'running', tries: 1 }),
      record('a', { order: 1, state: 'done' }),
      record('d', { order: 1, state: 'failed' }),
    ];
    expect(nextHook(records)?.id).toBe('b');
    expect(nextHook([])).toBeNull();
  });

  it('follows those that it requires, as long as they wait', () => {
    const [a, b] = [record('a', { order: 1, requires: ['b'] }), record('b', { order: 2 })];
    expect(nextHook([a, b])?.id).toBe('b');
    expect(nextHook([a, { ...b, state: 'done' }])?.id).toBe('a');
    expect(nextHook([a, { ...b, state: 'failed' }])?.id).toBe('a');
  });

  it('is the oldest of a cycle', () => {
    expect(nextHook([record('b', { order: 2, requires: ['a'] }), record('a', { order: 1, requires: ['b'] })])?.id).toBe(
      'a',
    );
  });
});

describe('hook: a run', () => {
  it('that failed is retried twice, later each time', () => {
    expect([1, 2, 3].map(delayAfter)).toEqual([10_000, 60_000, null]);
  });

  it('succeeds only with status 0; otherwise its end is described', () => {
    expect(endingOf({ kind: 'exited', status: 0 })).toBeNull();
    expect(endingOf({ kind: 'exited', status: 3 })).toBe('exit status 3');
    expect(endingOf({ kind: 'signalled', signal: 'SIGSEGV' })).toBe('signal SIGSEGV');
    expect(endingOf({ kind: 'too-long' })).toBe('it did not end within 10 min');
    expect(endingOf({ kind: 'not-started', reason: 'EACCES' })).toBe('it could not be started: EACCES');
    expect(endingOf({ kind: 'stopped' })).toBe('it was interrupted');
  });
});
