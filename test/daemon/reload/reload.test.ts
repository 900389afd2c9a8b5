import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Reloadable } from '#config/following/reload.ts';
import { PURPOSES, type Purpose } from '#config/purposes.ts';
import type { Settings } from '#config/settings.ts';
import { coded } from '#errors/coded-error.ts';
import { toRecord } from '#logging/record.ts';
import { type PurposeProxies, proxiesByPurpose } from '#proxy/choosing/bypass-guard.ts';
import { createRedactor } from '#redaction/redact.ts';
import { createCa } from '#test/support/certificates.ts';
import { ReloadRig } from '#test/support/reload-rig.ts';

let rig: ReloadRig;
afterEach(() => rig.close());

const CORP = ['proxies:', '  - name: corp', '    address: proxy.example.com', '    default: true', ''].join('\n');

async function open(config: string, reloaders: readonly Reloadable[] = []): Promise<void> {
  rig = await ReloadRig.open({ config, reloaders });
}

/** Writes the file and loads it. */
async function edit(config: string): Promise<void> {
  rig.events.length = 0;
  await rig.write('sallyport.yaml', config);
  await rig.take();
}

function told(name: string): unknown[] {
  return rig.events.filter((event) => event.name === name).map(({ name: _name, ...fields }) => fields);
}

describe('reload: a changed key', () => {
  it('is logged with the moment when it takes effect, and is active then', async () => {
    await open('version: 2\n');
    await edit('version: 2\nresponse_timeout: {base_ms: 300000}\nretry: {attempts: 2}\n');

    expect(told('setting-changed')).toEqual([
      { key: 'retry.attempts', effect: 'applied to the next transfer' },
      { key: 'response_timeout.base_ms', effect: 'applied to the next transfer' },
    ]);
    expect(told('reloaded')).toEqual([{ count: 2, waiting: 0 }]);
    expect(rig.inForce.retry.attempts).toBe(2);
  });

  it('that needs a restart is reported; no reloader gets it until then', async () => {
    await open('version: 2\n');
    const before = rig.inForce.daemon.state_dir;
    await edit('version: 2\ndaemon: {state_dir: /elsewhere}\nretry: {attempts: 2}\n');

    expect(told('setting-changed')).toContainEqual({ key: 'daemon.state_dir', effect: 'needs a restart' });
    // The sockets of this file are in its state folder, so they move with it.
    const waiting = ['daemon.state_dir', 'daemon.control_socket', 'daemon.admin_socket'];
    expect(told('reloaded')).toEqual([{ count: 4, waiting: 3 }]);
    expect(rig.reloader.waiting).toEqual(waiting);
    expect([rig.inForce.daemon.state_dir, rig.inForce.retry.attempts]).toEqual([before, 2]);
  });

  it('that waited for a restart and was reverted needs none', async () => {
    await open('version: 2\n');
    await edit('version: 2\ndaemon: {state_dir: /elsewhere}\n');
    await edit('version: 2\n');

    const effect = 'the same as the active setting, so no restart is needed';
    expect(told('setting-changed')).toContainEqual({ key: 'daemon.state_dir', effect });
    expect(rig.reloader.waiting).toEqual([]);
  });

  it('can be a file that a key names, if only its content changed', async () => {
    await open('version: 2\n');
    await rig.write('ca.pem', createCa('one').cert);
    await edit('version: 2\nupdates: {ca_file: ca.pem}\n');
    await rig.write('ca.pem', createCa('two').cert);
    rig.events.length = 0;
    await rig.take();

    expect(told('setting-changed')).toEqual([{ key: 'updates.ca_file', effect: 'applied to the next transfer' }]);
  });

  it('can be the key and certificate of a proxy, which change together', async () => {
    await open(`version: 2\n${CORP}`);
    const own = createCa().issue({ client: true });
    await rig.write('ca.pem', createCa('one').cert);
    await rig.write('own.pem', own.cert);
    await rig.write('own.key', own.key);
    const files = '    ca_file: ca.pem\n    client_certificate: {certificate_file: own.pem, key_file: own.key}\n';
    await edit(`version: 2\n${CORP}    scheme: https\n${files}`);
    const next = createCa().issue({ client: true });
    await rig.write('ca.pem', createCa('two').cert);
    await rig.write('own.pem', next.cert);
    await rig.write('own.key', next.key);
    rig.events.length = 0;
    await rig.take();

    const keys = ['ca_file', 'client_certificate.certificate_file', 'client_certificate.key_file'];
    expect(told('setting-changed')).toEqual(
      keys.map((key) => ({ key: `proxies[0].${key}`, effect: 'applied to the next transfer' })),
    );
  });

  it("of a proxy's key is refused if its certificate does not match", async () => {
    await open(`version: 2\n${CORP}`);
    await rig.write('own.pem', createCa().issue({ client: true }).cert);
    await rig.write('own.key', createCa().issue({ client: true }).key);
    const client = '    client_certificate: {certificate_file: own.pem, key_file: own.key}\n';
    await edit(`version: 2\n${CORP}    scheme: https\n${client}`);

    expect(told('reload-problem')).toEqual([{ error: expect.objectContaining({ code: 'TLS-FILE' }) }]);
  });
});

describe('reload: a listener', () => {
  it('gets start and result, as the log does; an unchanged file is silent', async () => {
    await open('version: 2\n');
    const heard: string[] = [];
    rig.reloader.watch({
      began: () => heard.push('began'),
      ended: (outcome) => heard.push(`${outcome} with ${rig.inForce.retry.attempts} attempts`),
    });
    const reload = async (config: string, cause: 'asked' | 'changed' = 'changed') => {
      heard.length = 0;
      await rig.write('sallyport.yaml', config);
      await rig.take(cause);
      return [...heard];
    };

    expect(await reload('version: 2\nretry: {attempts: 2}\n')).toEqual(['began', 'applied with 2 attempts']);
    expect(await reload('version: 2\nretry: {attempts: 2}\n')).toEqual([]);
    expect(await reload('version: 2\nretry: {attempts: 2}\n', 'asked')).toEqual(['began', 'unchanged with 2 attempts']);
    expect(await reload('version: 2\nretry: {attempts: 0}\n')).toEqual(['began', 'refused with 2 attempts']);
    expect(await reload('version: 2\nretry: {attempts: 0}\n')).toEqual([]);
    expect(await reload('version: 2\nretry: {attempts: 2}\n')).toEqual(['began', 'unchanged with 2 attempts']);
  });
});

describe('reload: a secret from the environment', () => {
  const CONFIG = 'version: 2\nupdates: {bearer_token: {env: PROXY_PASSWORD}}\n';

  it('needs a restart for a new value', async () => {
    await open('version: 2\n');
    await edit(CONFIG);
    expect(told('secret-fixed')).toEqual([{ key: 'updates.bearer_token' }]);

    rig.events.length = 0;
    await rig.take('asked');
    expect(told('secret-fixed')).toEqual([{ key: 'updates.bearer_token' }]);
  });

  it('is not mentioned if something else changed', async () => {
    await open(CONFIG);
    await edit(`${CONFIG}retry: {attempts: 2}\n`);

    expect(told('secret-fixed')).toEqual([]);
  });
});

describe('reload: a refused edit', () => {
  it('is reported mistake by mistake, and again only on request', async () => {
    await open('version: 2\n');
    await edit('version: 2\nretry: {attempts: 0}\nshedule: 1\n');

    expect(told('config-mistake')).toEqual([
      expect.objectContaining({ line: 2, column: 19, key: 'retry.attempts' }),
      expect.objectContaining({ line: 3, column: 1, key: 'shedule' }),
    ]);
    expect(told('reload-refused')).toEqual([{ count: 2 }]);
    expect(rig.reloader.refused?.count).toBe(2);

    rig.events.length = 0;
    await rig.take();
    expect(rig.names()).toEqual([]);
    await rig.take('asked');
    expect(rig.names()).toEqual(['reloading', 'config-mistake', 'config-mistake', 'reload-refused']);
  });

  it('is reported with the value, the allowed ones and a suggestion', async () => {
    await open('version: 2\n');
    await edit('version: 2\nretry: {attempts: 999}\nlogging: {level: inof}\nshedule: 1\n');

    const lines = rig.events
      .filter(({ name }) => name === 'config-mistake')
      .map((event) => toRecord(event, 0, createRedactor(rig.known)).message.replaceAll(rig.dir, ''));
    expect(lines).toMatchInlineSnapshot(`
      [
        "/sallyport.yaml:2:19 retry.attempts: "Out of range; must be 1 to 100.", found: 999, allowed: 1 to 100",
        "/sallyport.yaml:3:18 logging.level: "This is not one of the allowed values.", did you mean info?, found: inof, allowed: debug, info, warn, error",
        "/sallyport.yaml:4:1 shedule: "Unknown key.", "allowed: version, time_zone, updates, response_timeout, retry, proxy_enabled, proxy_required, proxy_change, rejected_credential_retry_hours, proxies, use_proxy_for, uploads_allowed, support_logs, expo…"",
      ]
    `);
  });

  it('with many mistakes lists the first 20 and counts the rest', async () => {
    await open('version: 2\n');
    const wrong = Array.from({ length: 500 }, (_, index) => `zz${index}: 1\n`).join('');
    await edit(`version: 2\n${wrong}`);

    expect(told('config-mistake')).toHaveLength(20);
    expect(rig.names().slice(-2)).toEqual(['reload-more', 'reload-refused']);
    expect(told('reload-more')).toEqual([{ count: 480 }]);
    expect(rig.reloader.refused?.count).toBe(500);

    await edit(`version: 2\n${wrong}`);
    expect(rig.names()).toEqual([]);
    await edit(`version: 2\n${wrong.replace('zz499', 'zz500')}`);
    expect(told('reload-refused')).toEqual([{ count: 500 }]);
  });

  it('does not keep the position of a mistake in a file that is fixed', async () => {
    await open('version: 2\n');
    await edit('version: 3\n');
    await edit('version: 2\n');

    expect(rig.reloader.refused).toBeNull();
    expect(rig.names()).toEqual(['reloading', 'reload-unchanged']);
  });

  it('of one reloader makes every reloader keep its settings', async () => {
    await open('version: 2\n');
    const before = rig.inForce;
    await edit('version: 2\nretry: {attempts: 2}\nupdates: {ca_file: missing.pem}\n');

    expect(told('reload-problem')).toEqual([{ error: expect.objectContaining({ code: 'TLS-FILE' }) }]);
    expect(rig.inForce).toBe(before);
  });

  it('that a reloader cannot apply is rolled back in those before it', async () => {
    let broken = false;
    const fails = () =>
      broken ? Promise.reject(coded('INTERNAL', { reason: 'no' })) : Promise.resolve({ changes: [] });
    await open(`version: 2\n${CORP}`, [{ name: 'fails', verify: () => undefined, commit: fails }]);
    broken = true;
    await edit('version: 2\nproxy_enabled: false\nretry: {attempts: 2}\n');

    expect(rig.inForce.retry.attempts).toBe(5);
    expect(rig.network.route('updates', new URL('https://updates.example.com')).proxy).toBe('corp');
    expect(rig.reloader.refused?.first).toContain('[INTERNAL]');
  });
});

describe('reload: a loosened policy', () => {
  const REQUIRED = `version: 2\nproxy_required: true\n${CORP}`;

  it('is a warning by name, at a reload and at a start', async () => {
    await open(REQUIRED);
    await edit(`version: 2\n${CORP}`);
    expect(told('policy-loosened')).toEqual([{ key: 'proxy_required' }]);

    await edit(REQUIRED);
    await rig.write('sallyport.yaml', `version: 2\n${CORP}`);
    rig.events.length = 0;
    await rig.restart();
    expect(told('policy-loosened')).toEqual([{ key: 'proxy_required' }]);
  });
});

describe('reload: going direct', () => {
  it('without any proxy left is refused, with the purpose and the fix', async () => {
    await open(`version: 2\n${CORP}`);
    await edit('version: 2\n');

    const errors = told('reload-problem') as { error: { code: string; message: string; check: string } }[];
    expect(errors.map(({ error }) => error.code)).toEqual(PURPOSES.map(() => 'POLICY-DIRECT'));
    expect(errors[0]?.error.message).toContain('the proxy for updates: it used proxy corp until now, but');
    expect(errors[0]?.error.check).toContain('use_proxy_for.updates: none or proxy_enabled: false');
    expect(proxiesByPurpose(rig.inForce).updates).toBe('corp');
  });

  it('is refused at the next start as well, and at the one after it', async () => {
    await open(`version: 2\n${CORP}`);
    await rig.write('sallyport.yaml', 'version: 2\n');

    await expect(rig.restart()).rejects.toMatchObject({ code: 'POLICY-DIRECT' });
    await expect(rig.restart()).rejects.toMatchObject({ code: 'POLICY-DIRECT' });
  });

  it('is accepted if the file says so', async () => {
    await open(`version: 2\n${CORP}`);
    await edit('version: 2\nproxy_enabled: false\n');
    expect(proxiesByPurpose(rig.inForce).updates).toBeNull();

    await edit(`version: 2\n${CORP}`);
    await edit(`version: 2\n${CORP}use_proxy_for: {updates: none}\n`);
    expect(proxiesByPurpose(rig.inForce)).toMatchObject({ updates: null, platform: 'corp' });
  });

  it('never results from a file truncated at any line', async () => {
    const whole = [
      'version: 2',
      'proxy_enabled: true',
      'use_proxy_for:',
      '  updates: corp',
      '  platform: other',
      'proxies:',
      '  - name: corp',
      '    address: proxy.example.com',
      '    port: 3128',
      '  - name: other',
      '    address: other.example.com',
      '    default: true',
      'updates:',
      '  channel: beta',
      'retry:',
      '  attempts: 2',
      '',
    ];
    await open(whole.join('\n'));
    for (let length = 0; length < whole.length; length += 1) {
      const before = rig.inForce;
      await edit(`${whole.slice(0, length).join('\n')}\n`);
      expect(proxiesByPurpose(rig.inForce)).toMatchObject({ updates: 'corp' });
      // Whole or not at all: the active settings are those of the file, or exactly the previous ones.
      if (rig.reloader.refused !== null) expect(rig.inForce).toBe(before);
      await rig.restart().catch((error: unknown) => expect(error).toMatchObject({ code: /^(CONFIG|POLICY-DIRECT)$/ }));
      expect(Object.values(proxiesByPurpose(rig.inForce)).every((proxy) => proxy !== null)).toBe(true);
      await edit(whole.join('\n'));
    }
  });
});

interface ProxySection {
  readonly names: readonly string[];
  readonly defaultAt: number | null;
  readonly uses: Readonly<Partial<Record<Purpose, string>>>;
  readonly enabled: boolean | null;
  readonly required: boolean | null;
}

const NAMES = ['corp', 'other', 'third'];
const section: fc.Arbitrary<ProxySection> = fc.record({
  names: fc.subarray(NAMES),
  defaultAt: fc.option(fc.nat(2)),
  uses: fc.dictionary(fc.constantFrom(...PURPOSES), fc.constantFrom('none', 'default', ...NAMES)) as fc.Arbitrary<
    ProxySection['uses']
  >,
  enabled: fc.option(fc.boolean()),
  required: fc.option(fc.boolean()),
});

function write({ names, defaultAt, uses, enabled, required }: ProxySection): string {
  return [
    'version: 2',
    ...(enabled === null ? [] : [`proxy_enabled: ${enabled}`]),
    ...(required === null ? [] : [`proxy_required: ${required}`]),
    ...(names.length === 0 ? [] : ['proxies:']),
    ...names.map((name, index) => `  - {name: ${name}, address: ${name}.example.com, default: ${index === defaultAt}}`),
    ...(Object.keys(uses).length === 0 ? [] : ['use_proxy_for:']),
    ...Object.entries(uses).map(([purpose, use]) => `  ${purpose}: ${use}`),
    '',
  ].join('\n');
}

/** Whether every purpose that had a proxy still has one, or the file explicitly sends it direct. */
function isMeant(had: PurposeProxies, { use_proxy_for: uses, proxy_enabled: enabled, ...rest }: Settings): boolean {
  const has = proxiesByPurpose({ use_proxy_for: uses, proxy_enabled: enabled, ...rest });
  return PURPOSES.every(
    (purpose) => had[purpose] === null || has[purpose] !== null || uses[purpose] === 'none' || !enabled,
  );
}

describe('reload: no pair of proxy sections', () => {
  it('goes direct by accident, by a reload or by a start', async () => {
    await open('version: 2\n');
    await fc.assert(
      fc.asyncProperty(fc.array(section, { minLength: 2, maxLength: 5 }), fc.boolean(), async (sections, restarts) => {
        for (const one of sections) {
          const had = proxiesByPurpose(rig.inForce);
          await rig.write('sallyport.yaml', write(one));
          if (restarts) await rig.restart().catch(() => undefined);
          else await rig.take();
          expect(isMeant(had, rig.inForce)).toBe(true);
          // Reloaders agree: what the network does is what the settings say.
          const route = rig.network.route('updates', new URL('https://updates.example.com/'));
          expect(route.proxy).toBe(proxiesByPurpose(rig.inForce).updates);
        }
      }),
      { numRuns: 60 },
    );
  });
});
