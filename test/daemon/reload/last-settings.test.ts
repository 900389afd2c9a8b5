import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LastSettings } from '#daemon/reload/last-settings.ts';
import { realFiles } from '#system/real-files.ts';
import { testSettings } from '#test/support/test-settings.ts';

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-last-'));
  path = join(dir, 'last-settings.json');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const SETTINGS = testSettings('/x', { proxies: [{ name: 'corp', address: 'a', default: true }], proxy_required: true });

describe('last settings', () => {
  it('is known at the next start: a proxy for each purpose, the policy, and nothing else', async () => {
    await new LastSettings(realFiles, path).keep(SETTINGS);
    const next = new LastSettings(realFiles, path);

    expect(await next.load()).toBeNull();
    expect(next.current).toMatchObject({ proxies: { updates: 'corp', platform: 'corp' }, proxy_required: true });
    expect(Object.keys(JSON.parse(await readFile(path, 'utf8')) as object).toSorted()).toEqual([
      'format',
      'proxies',
      'proxy_required',
    ]);
  });

  it('treats a new purpose as direct, and keeps the others if one is gone', async () => {
    const kept = { format: 1, proxies: { updates: 'corp', gone: 'corp' }, proxy_required: false };
    await writeFile(path, JSON.stringify(kept));
    const next = new LastSettings(realFiles, path);

    expect(await next.load()).toBeNull();
    expect(next.current?.proxies).toEqual({
      updates: 'corp',
      support_logs: null,
      exposure_analytics: null,
      platform: null,
      telemetry: null,
    });
  });

  it('is not written again if it is the same', async () => {
    const last = new LastSettings(realFiles, path);
    await last.keep(SETTINGS);
    await rm(path);
    await last.keep(testSettings('/x', { ...SETTINGS, retry: { attempts: 2 }, updates: {}, logging: {}, daemon: {} }));

    expect(await readdir(dir)).toEqual([]);
  });

  it.each([
    ['damaged', '{"format":1,"proxies":{}}', 'STATE-DAMAGED'],
    ['of a newer Sallyport', '{"format":2}', 'STATE-NEWER'],
  ])('that is %s is moved aside and named, and nothing is compared', async (_what, content, code) => {
    await writeFile(path, content);
    const last = new LastSettings(realFiles, path);

    expect(await last.load()).toMatchObject({ code });
    expect(last.current).toBeNull();
  });

  it('that the disk refused are still compared, and written with the next', async () => {
    const last = new LastSettings(realFiles, join(dir, 'missing', 'last-settings.json'));
    await expect(last.keep(SETTINGS)).rejects.toMatchObject({ code: 'FILE-FAILED' });
    expect(last.current?.proxies.updates).toBe('corp');

    await mkdir(join(dir, 'missing'));
    await last.keep(SETTINGS);
    expect(await readFile(join(dir, 'missing', 'last-settings.json'), 'utf8')).toContain('corp');
  });
});
