// What the schema calls "takes effect" is what reloaders do: key by key against their commits, and then for one key of
// each kind against a composed Sallyport.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { heldUntilRestart } from '#config/following/changes.ts';
import type { Reloadable } from '#config/following/reload.ts';
import { listKeys } from '#config/generate/keys.ts';
import { type LoadedSettings, loadSettings } from '#config/reading/load.ts';
import type { Effect } from '#config/schema/key.ts';
import type { Settings } from '#config/settings.ts';
import { compose } from '#daemon/compose.ts';
import type { Parts } from '#daemon/parts.ts';
import { LogReloader } from '#daemon/reload/log-reloader.ts';
import { NetworkReloader } from '#daemon/reload/network-reloader.ts';
import { SettingsReloader } from '#daemon/reload/settings-reloader.ts';
import { TimeoutReloader } from '#daemon/reload/timeout-reloader.ts';
import { ScheduleReloader } from '#daemon/schedule/schedule-reloader.ts';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { Secret } from '#redaction/secret.ts';
import { systemClock } from '#system/clock.ts';
import { testSettings } from '#test/support/test-settings.ts';

type Tree = Readonly<Record<string | number, unknown>>;
type Path = readonly (string | number)[];

const FROM = testSettings('/x', {
  proxies: [{ name: 'corp', address: 'proxy.example.com', default: true }],
  support_logs: { redaction: [{ name: 'customer', pattern: 'customer=(\\S+)' }] },
});

/** `proxies[].port` of the first profile, and a header. */
function pathOf(key: string): Path {
  if (key === 'updates.headers') return ['updates', 'headers', 'X-Key'];
  return key.split('.').flatMap((step) => (step.endsWith('[]') ? [step.slice(0, -2), 0] : [step]));
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((part, step) => (part as Tree | undefined)?.[step], value);
}

function withValue(value: unknown, path: Path, put: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return put;
  const part = withValue((value as Tree | undefined)?.[step], rest, put);
  if (Array.isArray(value)) return value.with(Number(step), part);
  return { ...(value as Tree | undefined), [step]: part };
}

/** A value other than the present one; reloaders that only commit do not validate it. */
function another(value: unknown): unknown {
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'boolean') return !value;
  if (Array.isArray(value)) return [...value, 'more'];
  return typeof value === 'string' ? `${value}x` : new Secret('a secret or a text that was absent');
}

const KEYS = listKeys().flatMap(({ name, facts, inner }) =>
  // The version is the same in every file that is read; a key made of keys is reported as those.
  facts === undefined || name === 'version' || inner.length > 0 ? [] : ([[name, facts.effect]] as const),
);

function makeReloaders(): Reloadable[] {
  const report = () => undefined;
  const known = new KnownSecrets();
  return [
    new NetworkReloader({
      clock: systemClock,
      known,
      report,
      credentialGuard: new CredentialGuard(),
      environment: {},
      userAgent: 'Sallyport/test',
    }),
    new SettingsReloader(FROM),
    new TimeoutReloader({ configure: report }),
    new LogReloader({ setLevel: report }),
    new ScheduleReloader(report),
  ];
}

describe('effects: every key', () => {
  it.each(KEYS)('%s takes effect as its schema says: %s', async (key, effect) => {
    const path = pathOf(key);
    const wanted = withValue(FROM, path, another(valueAt(FROM, path))) as Settings;
    const to = heldUntilRestart(FROM, wanted);
    const reports: { key: string; effect: Effect }[] = [];
    for (const room of makeReloaders()) reports.push(...(await room.commit(FROM, to)).changes);

    // Exactly one reloader takes it (its table has each new key); none takes a key that needs a restart.
    expect(reports.map((change) => change.effect)).toEqual(effect === 'restart' ? [] : [effect]);
  });
});

describe('effects: a composed Sallyport', () => {
  let dir: string;
  let parts: Parts;
  const known = new KnownSecrets();
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sallyport-effects-'));
    parts = await compose({ loaded: await load(''), known, version: '0.1.0', mode: 'daemon' });
  });
  afterEach(async () => {
    parts.close();
    await rm(dir, { recursive: true, force: true });
  });

  async function load(more: string): Promise<LoadedSettings> {
    const file = join(dir, 'sallyport.yaml');
    await writeFile(file, `version: 2\n${more}`, { mode: 0o600 });
    const places = {
      config: file,
      packagesDir: join(dir, 'packages'),
      logsDir: join(dir, 'logs'),
      stateDir: join(dir, 'state'),
      controlSocket: join(dir, 'control.sock'),
    };
    const loaded = await loadSettings({ file, places, environment: {}, known });
    if (!loaded.ok) throw loaded.error;
    return loaded;
  }

  async function reload(more: string): Promise<void> {
    await parts.config.take(await load(more), 'changed');
    expect(parts.config.refused).toBeNull();
  }

  it('plans the next attempt by the active response timeout', async () => {
    await reload('response_timeout: {mode: fixed, base_ms: 123456}\n');

    expect(parts.ports.model.plan({ proxy: 'direct', origin: 'https://x' }, 0, 0).silenceMs).toBe(123_456);
  });

  it('chooses the next route by the active proxies', async () => {
    await reload('proxies: [{name: corp, address: proxy.example.com, default: true}]\n');

    expect(parts.ports.router.route('updates', new URL('https://updates.example.com/')).proxy).toBe('corp');
  });

  it('has no current result once the route has changed', async () => {
    await parts.outcomes.note('updates', { at: Date.UTC(2099, 0, 1), failure: null });
    await reload('logging: {level: debug}\n');
    expect(parts.outcomes.isOutdated('updates')).toBe(false);
    await reload('proxies: [{name: corp, address: proxy.example.com, default: true}]\n');

    expect(parts.outcomes.isOutdated('updates')).toBe(true);
  });

  it('logs from the active level', async () => {
    const log = () => readFile(parts.logFile, 'utf8').catch(() => '');
    parts.report({ name: 'progress', id: 'quiet', received: 1, length: 2 });
    await reload('logging: {level: debug}\n');
    parts.report({ name: 'progress', id: 'loud', received: 1, length: 2 });

    expect(await log()).toContain('loud');
    expect(await log()).not.toContain('quiet');
  });

  it('effects: every module works in the folders that the process started with', async () => {
    const { stagingDir } = parts.ports.store;
    await reload(`updates: {packages_dir: ${dir}/other}\ndaemon: {state_dir: ${dir}/other}\n`);

    expect(parts.ports.settings().updates.packages_dir).toBe(join(dir, 'packages'));
    expect(parts.ports.store.stagingDir).toBe(stagingDir);
    expect(parts.config.waiting).toEqual(['updates.packages_dir', 'daemon.state_dir']);
  });
});
