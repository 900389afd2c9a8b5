import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { problemLine } from '#config/problem.ts';
import { loadSettings } from '#config/reading/load.ts';
import { ConfigFolder, TEST_PLACES } from '#test/support/config-file.ts';

let folder: ConfigFolder;
beforeEach(async () => {
  folder = await ConfigFolder.make();
});
afterEach(() => folder.remove());

/** The line, column and key of each mistake. */
async function mistakes(content: string | Uint8Array): Promise<string[]> {
  const { problems } = await folder.refuse(content);
  return problems.map(({ line, column, key }) => `${line}:${column} ${key}`);
}

async function onlyMistake(content: string | Uint8Array) {
  const { problems } = await folder.refuse(content);
  expect(problems).toHaveLength(1);
  return problems[0]!;
}

describe('a file of version 1', () => {
  const OLD = 'version: 1\nendpoints:\n  platform: wss://platform.example.com/\n';

  it('is read under the new names, with a notice at each old one', async () => {
    const old = await folder.accept(OLD);
    const now = await folder.accept('version: 2\nplatform:\n  url: wss://platform.example.com/\n');

    expect(old.settings).toEqual(now.settings);
    expect(old.warnings).toMatchObject([
      { line: 3, column: 3, key: 'endpoints.platform', message: expect.stringContaining('platform.url') },
    ]);
    expect(old.lineOf('platform.url')).toMatchObject({ line: 3 });
  });

  it('has one notice if it uses no old name; empty sections are allowed', async () => {
    const { warnings } = await folder.accept('version: 1\nendpoints:\n  #platform: wss://x.example.com/\n');

    expect(warnings).toMatchObject([
      { line: 1, key: 'version', message: expect.stringContaining('sallyport config upgrade') },
    ]);
  });
});

describe('a file of version 2', () => {
  it('is refused for a version 1 section once, with the new names', async () => {
    const mistake = await onlyMistake('version: 2\nendpoints:\n  platform: wss://platform.example.com/\n');

    expect(mistake).toMatchObject({ line: 2, key: 'endpoints', allowed: '' });
    expect(mistake.message).toContain('endpoints.platform is now platform.url');
  });
});

describe('loadSettings', () => {
  it('uses the documented defaults for a file with only a version', async () => {
    const { settings, warnings } = await folder.accept('version: 2\n');

    expect(warnings).toEqual([]);
    expect(settings).toEqual({
      version: 2,
      updates: {
        schedule: '0 */6 * * *',
        jitter_seconds: 900,
        parallel: 1,
        stale_after_hours: 72,
        packages_dir: TEST_PLACES.packagesDir,
        keep_versions: 3,
        max_package_bytes: 8 * 1024 ** 3,
        reserve_bytes: 256 * 1024 ** 2,
        headers: {},
        trust: 'tls',
        trust_downgrade: false,
        send_tokens_when_intercepted: false,
        allowed_origins: [],
        channel: 'stable',
        product_updates: true,
        report_findings: false,
      },
      response_timeout: {
        mode: 'adaptive',
        base_ms: 30_000,
        min_ms: 10_000,
        probe: true,
        max_ms: 7_200_000,
        total_max_ms: 86_400_000,
        connect_timeout_ms: 10_000,
        tunnel_timeout_ms: 10_000,
        tls_timeout_ms: 10_000,
      },
      retry: { attempts: 5, max_delay_seconds: 21_600 },
      proxy_enabled: true,
      proxy_required: false,
      proxy_change: 'apply',
      rejected_credential_retry_hours: 6,
      activation: { license_keys: [] },
      menu: {},
      metrics: { enabled: false },
      proxies: [],
      use_proxy_for: {
        updates: 'default',
        support_logs: 'default',
        exposure_analytics: 'default',
        platform: 'default',
        telemetry: 'default',
      },
      uploads_allowed: true,
      support_logs: {
        send_tokens_when_intercepted: false,
        enabled: false,
        headers: {},
        protocol: 'tus',
        jitter_seconds: 3_600,
        max_bytes: 256 * 1024 ** 2,
        keep_sent_days: 7,
        sources: ['log', 'journal', 'configuration', 'status', 'diagnosis', 'timeouts', 'versions'],
        redaction: [],
        pseudonyms: 'auto',
        archive: 'tar.zst',
        encrypt_to: [],
        on_platform_request: 'deny',
      },
      exposure_analytics: {
        send_tokens_when_intercepted: false,
        accept_readable: false,
        enabled: false,
        headers: {},
        batch_max_documents: 10_000,
        batch_max_bytes: 4 * 1024 ** 2,
        batch_max_age_seconds: 10,
        spool_max_bytes: 1024 ** 3,
        spool_max_documents: 1_000_000,
      },
      platform: { enabled: false, mode: 'websocket', report: 'none', ping_seconds: 25, headers: {} },
      telemetry: { enabled: false, logs: false, headers: {} },
      logging: {
        dir: TEST_PLACES.logsDir,
        level: 'info',
        stdout: 'auto',
        rotation: 'internal',
        rotate_bytes: 10_485_760,
        rotate_keep: 10,
      },
      control: {},
      daemon: {
        state_dir: TEST_PLACES.stateDir,
        control_socket: TEST_PLACES.controlSocket,
        admin_socket: '/dev/null/state/admin.sock',
      },
    });
  });

  it('records the line of each key and the digest of the file', async () => {
    const text =
      'version: 2\nproxies:\n  - name: corp\n    address: Proxy.Example.COM\n    port: 0443\n    default: true\n';
    const loaded = await folder.accept(text);

    expect(loaded.lineOf('proxies[0].port')).toEqual({ line: 5, column: 5 });
    expect(loaded.lineOf('proxies[0]')).toEqual({ line: 3, column: 5 });
    expect(loaded.lineOf('updates.schedule')).toBeNull();
    expect(loaded.digest).toBe(createHash('sha256').update(text).digest('hex'));
    expect(loaded.settings.proxies[0]).toEqual({
      fallback: [],
      name: 'corp',
      address: 'proxy.example.com',
      port: 443,
      scheme: 'http',
      allow_cleartext: false,
      tunnel_http: false,
      authentication: 'transparent',
      default: true,
    });
  });

  it("resolves paths relative to the file's folder", async () => {
    const { settings } = await folder.accept(
      'version: 2\nupdates: {packages_dir: p, ca_file: /etc/ca.pem}\nlogging: {dir: ../l}\n',
    );

    expect(settings.updates.packages_dir).toBe(join(folder.path, 'p'));
    expect(settings.updates.ca_file).toBe('/etc/ca.pem');
    expect(settings.logging.dir).toBe(join(folder.path, '../l'));
  });

  it('accepts empty sections, Windows line ends and a byte order mark', async () => {
    await folder.accept('\uFEFFversion: 2\r\nupdates:\r\nlogging:\r\n');
  });

  it('accepts a base_ms outside min_ms and max_ms, which do not limit it', async () => {
    const { settings } = await folder.accept(
      'version: 2\nresponse_timeout: {base_ms: 1000, min_ms: 5000, max_ms: 2000}\n',
    );

    expect(settings.response_timeout).toMatchObject({ base_ms: 1_000, min_ms: 5_000, max_ms: 2_000 });
  });

  it.each([1_000, 2_147_483_647])('accepts %i for base_ms', async (value) => {
    const { settings } = await folder.accept(`version: 2\nresponse_timeout: {base_ms: ${value}}\n`);

    expect(settings.response_timeout.base_ms).toBe(value);
  });

  it('warns of an unsigned feed over http from another host', async () => {
    const { warnings } = await folder.accept('version: 2\nupdates:\n  feed_url: http://updates.example.com/f\n');
    expect(warnings).toMatchObject([{ line: 3, column: 13, key: 'updates.feed_url' }]);

    for (const host of ['127.9.9.9', '[::1]', 'localhost']) {
      expect((await folder.accept(`version: 2\nupdates: {feed_url: 'http://${host}:8080/f'}\n`)).warnings).toEqual([]);
    }
  });
});

describe('loadSettings on an invalid file', () => {
  it('names the reason if it is missing or a folder', async () => {
    const options = { places: TEST_PLACES, environment: {}, known: folder.known };
    await mkdir(join(folder.path, 'd'));
    const missing = await loadSettings({ file: join(folder.path, 'none.yaml'), ...options });
    const directory = await loadSettings({ file: join(folder.path, 'd'), ...options });

    expect(missing).toMatchObject({ ok: false, error: { code: 'CONFIG-UNREADABLE' }, problems: [] });
    expect(directory).toMatchObject({ ok: false, error: { facts: { reason: 'it is a directory' } } });
  });

  it.each(['', '\n\n', '# only words\n', '---\n'])('refuses an empty file: %j', async (content) => {
    expect(await onlyMistake(content)).toMatchObject({ line: 1, message: expect.stringContaining('empty') });
  });

  it('reports a missing version together with other mistakes', async () => {
    expect(await mistakes('retry:\n  attempts: 0\n')).toEqual(['1:1 version', '2:13 retry.attempts']);
  });

  it.each(['3', '0', "'1'", 'true', '1.5', 'null'])(
    'reports only the version if it is unsupported: %s',
    async (version) => {
      expect(await onlyMistake(`# head\nversion: ${version}\nfuture: 1\n`)).toMatchObject({
        line: 2,
        column: 10,
        key: 'version',
      });
    },
  );

  it.each(['- a\n', 'word\n', '7\n'])('refuses a file without keys: %j', async (content) => {
    expect(await onlyMistake(content)).toMatchObject({
      line: 1,
      message: expect.stringContaining('not consist of keys'),
    });
  });

  it('refuses more than 1 MiB and names the line of the limit', async () => {
    const line = `#${'x'.repeat(1_022)}\n`;
    expect(await onlyMistake(`version: 2\n${line.repeat(1_100)}`)).toMatchObject({ line: 1_025 });
    await folder.accept(`version: 2\n${line.repeat(1_023)}`);
  });

  it('refuses text that is not UTF-8 and names the line', async () => {
    const bytes = Buffer.concat([Buffer.from('version: 2\n# '), Buffer.from([0xe9, 0x0a])]);
    expect(await onlyMistake(bytes)).toMatchObject({ line: 2, message: expect.stringContaining('UTF-8') });
  });
});

describe('loadSettings on a bad key', () => {
  it.each([999, 2_147_483_648])('refuses %i for base_ms with the allowed range', async (value) => {
    const problem = await onlyMistake(`version: 2\nresponse_timeout:\n  base_ms: ${value}\n`);

    expect(problem).toMatchObject({ line: 3, column: 12, found: String(value), allowed: '1000 to 2147483647' });
    expect(problem.message).toContain('1000 to 2147483647');
  });

  it.each([
    ['updates: {shedule: x}', 'schedule'],
    ['response-timeout: {}', 'response_timeout'],
    ['base_ms: 5000', 'response_timeout.base_ms'],
    ['updates: {proxies: []}', 'proxies, at the left margin'],
    ['logging: {level: inof}', 'info'],
    ['proxies: [{name: a, address: a, default: true, pasword: x}]', 'password'],
  ])('suggests the right spelling: %s', async (line, meant) => {
    expect(await onlyMistake(`version: 2\n${line}\n`)).toMatchObject({ didYouMean: meant });
  });

  it.each([
    'updates: {product_updates: yes}',
    'updates: {keep_versions: "3"}',
    'updates: {keep_versions: 1.5}',
    'updates: {keep_versions: .inf}',
    'updates: {keep_versions: null}',
    'updates: {channel: 7}',
    'updates: {allowed_origins: https://a}',
    'updates: []',
    'proxies: {}',
    'proxies: [corp]',
    'use_proxy_for: {updates: ~}',
    'retry: {attempts: [1]}',
  ])('refuses a wrong type: %s', async (line) => {
    expect(await onlyMistake(`version: 2\n${line}\n`)).toMatchObject({ line: 2 });
  });

  it('never shows the value of a secret key, an unknown key or a URL', async () => {
    const { error, problems } = await folder.refuse(
      [
        'version: 2',
        'updates:',
        '  feed_url: https://bob:hunter2x@example.com/',
        '  acknowledge_url: https://example.com/?token=hunter2x#f',
        '  bearer_token: [hunter2x]',
        '  headers: {X-Key: {flie: hunter2x}, Y-Key: 7788990011}',
        '  tokn: hunter2x',
        'proxies:',
        '  - {name: a, address: "http://bob:hunter2x@proxy:3128", password: 7788990011, default: true}',
        '  - {name: b, address: "bob:hunter2x@proxy", passwrod: hunter2x, password: "hunter2x\\u0007"}',
      ].join('\n'),
    );

    const told = JSON.stringify([error, problems]) + problems.map(problemLine).join('\n');
    expect(problems.length).toBeGreaterThanOrEqual(9);
    expect(told).not.toContain('hunter2x');
    expect(told).not.toContain('7788990011');
  });

  it('reports all mistakes in file order', async () => {
    const { error, problems } = await folder.refuse(
      'version: 2\nretry: {attempts: 0}\nupdates:\n  keep_versions: 0\nproxies:\n  - {name: default, address: a, port: 0}\nnew: 1\nnew: 2\n',
    );

    expect(problems.map(({ line, key }) => `${line} ${key}`)).toEqual([
      '2 retry.attempts',
      '4 updates.keep_versions',
      '5 proxies',
      '6 proxies[0].name',
      '6 proxies[0].port',
      '7 new',
      '8 new',
    ]);
    expect(error).toMatchObject({ code: 'CONFIG', facts: { count: 7 } });
  });

  it.each(['control_socket', 'admin_socket'])('limits the file name of daemon.%s to 80 bytes', async (key) => {
    const socket = (length: number) => `version: 2\ndaemon:\n  ${key}: /${'deep/'.repeat(40)}${'s'.repeat(length)}\n`;
    expect(await onlyMistake(socket(81))).toMatchObject({ line: 3, key: `daemon.${key}` });
    await folder.accept(socket(70));
  });

  it('limits daemon.control_socket so that derived names fit', async () => {
    const text = `version: 2\ndaemon:\n  control_socket: /run/${'s'.repeat(75)}\n`;
    expect(await onlyMistake(text)).toMatchObject({ line: 3, key: 'daemon.control_socket', found: /-operate$/ });
  });

  it.each(['x.sock', 'x-operate.sock', 'x-look.sock'])(
    'refuses the name of another socket for daemon.admin_socket: %s',
    async (name) => {
      const text = `version: 2\ndaemon:\n  control_socket: /run/x.sock\n  admin_socket: /run/${name}\n`;
      expect(await onlyMistake(text)).toMatchObject({ line: 4, key: 'daemon.admin_socket' });
    },
  );

  it.each(['a group', 'DOMAIN\\\\operators', 'ops@example.com', '1200'])(
    'accepts %s for control.operate_group',
    async (name) => {
      const { settings } = await folder.accept(`version: 2\ncontrol:\n  operate_group: "${name}"\n`);
      expect(settings.control.operate_group).toBe(name.replace('\\\\', '\\'));
    },
  );

  it.each(['', ' x', '-x', 'a:b', 'a\\nb'])('refuses %j for control.operate_group', async (name) => {
    const text = `version: 2\ncontrol:\n  operate_group: "${name}"\n`;
    expect(await onlyMistake(text)).toMatchObject({ line: 3, key: 'control.operate_group' });
  });
});

it('loadSettings never throws for any file', async () => {
  const parts = [
    'version: 2\n',
    'updates:',
    'proxies:\n  - ',
    'name: a',
    ' ',
    '\n',
    '\t',
    '*a',
    '&a ',
    '[',
    '{',
    '}',
    ': ',
    '- ',
    '"',
    "'",
    '__proto__: 1',
    '? ',
    '!x ',
    '|',
    '%',
    '\0',
    '\uD800',
    '---\n',
    '...',
    '<<: ',
    '#',
  ];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...parts), { maxLength: 30 }), async (chosen) => {
      const result = await folder.load(chosen.join(''));
      const problems = result.ok ? result.warnings : result.problems;
      expect(result.ok || problems.length > 0).toBe(true);
      for (const problem of problems) {
        expect(problem.line).toBeGreaterThanOrEqual(1);
        expect(problemLine(problem)).not.toMatch(/[\n\0]/);
      }
    }),
    { numRuns: 300 },
  );
});

describe('files to watch', () => {
  it('are the file and every file that it names', async () => {
    await folder.write('secrets/password', 'a-password');
    await folder.write('ca.pem', 'x');
    const content = [
      'version: 2',
      'updates: {ca_file: ca.pem, bearer_token: {env: TOKEN}}',
      'proxies: [{name: a, address: a, default: true, authentication: basic, user: u, password: {file: secrets/password}}]',
    ].join('\n');
    const loaded = await folder.accept(content, { environment: { TOKEN: 'a-token' } });
    const paths = ['sallyport.yaml', 'secrets/password', 'ca.pem'].map((name) => join(folder.path, name));

    expect(loaded.files).toEqual(paths);
    expect(loaded.fixedSecrets).toEqual(['updates.bearer_token']);
  });

  it('are known for an invalid file, as is its control socket', async () => {
    const refused = await folder.refuse(
      'version: 2\nshedule: 1\nupdates: {bearer_token: {file: token}}\ndaemon: {control_socket: /run/x.sock}\n',
    );

    expect(refused.files).toEqual([join(folder.path, 'sallyport.yaml'), join(folder.path, 'token')]);
    expect(refused.daemon).toEqual({
      state_dir: TEST_PLACES.stateDir,
      control_socket: '/run/x.sock',
      admin_socket: '/run/x-admin.sock',
    });
  });
});
