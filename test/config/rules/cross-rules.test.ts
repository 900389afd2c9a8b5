import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigFolder } from '#test/support/config-file.ts';

let folder: ConfigFolder;
beforeEach(async () => {
  folder = await ConfigFolder.make();
});
afterEach(() => folder.remove());

const CORP = '{name: corp, address: proxy.example.com, port: 3128, default: true}';

async function problemsOf(text: string) {
  return (await folder.refuse(`version: 2\n${text}\n`)).problems;
}

async function warningsOf(text: string) {
  return (await folder.accept(`version: 2\n${text}\n`)).warnings;
}

describe('profile rules', () => {
  it.each(['none', 'default', 'None', 'DEFAULT'])('refuse %s as a name', async (name) => {
    expect(await problemsOf(`proxies: [{name: ${name}, address: a, default: true}]`)).toMatchObject([
      { key: 'proxies[0].name' },
    ]);
  });

  it('require unique names, regardless of letter case', async () => {
    expect(await problemsOf(`proxies: [${CORP}, {name: CORP, address: a}]`)).toMatchObject([
      { key: 'proxies[1].name', found: 'CORP' },
    ]);
  });

  it('allow at most one default', async () => {
    expect(await problemsOf(`proxies: [${CORP}, {name: b, address: a, default: true}]`)).toMatchObject([
      { key: 'proxies[1].default' },
    ]);
  });

  it('require a default only while a purpose uses it', async () => {
    const profiles = 'proxies: [{name: corp, address: a}]';
    expect(await problemsOf(profiles)).toMatchObject([{ key: 'proxies', line: 2 }]);
    const [problem] = await problemsOf(
      `${profiles}\nuse_proxy_for: {updates: corp, support_logs: none, platform: corp}`,
    );
    expect(problem?.message).toContain('exposure_analytics');
    expect(problem?.message).not.toContain('support_logs');

    expect(
      await warningsOf(
        `${profiles}\nuse_proxy_for: {updates: corp, support_logs: none, exposure_analytics: none, platform: corp}`,
      ),
    ).toEqual([]);
  });

  it('require a default for telemetry only once it has a URL', async () => {
    const older =
      'proxies: [{name: corp, address: a}]\nuse_proxy_for: {updates: corp, support_logs: corp, exposure_analytics: corp, platform: corp}';
    expect(await warningsOf(older)).toEqual([]);
    expect(await warningsOf(`${older}\nproxy_required: true`)).toEqual([]);
    const [problem] = await problemsOf(`${older}\ntelemetry: {url: 'https://otel.example.com/'}`);
    expect(problem?.message).toContain('is set to default for telemetry.');
  });

  it('use port 80 by default', async () => {
    const { settings } = await folder.accept('version: 2\nproxies: [{name: a, address: a, default: true}]\n');

    expect(settings.proxies[0]?.port).toBe(80);
  });

  it.each([0, 65_536, -1, '"3128"'])('refuse port %s', async (port) => {
    expect(await problemsOf(`proxies: [{name: a, address: a, port: ${port}, default: true}]`)).toMatchObject([
      { key: 'proxies[0].port', allowed: '1 to 65535' },
    ]);
  });
});

describe('authentication rules', () => {
  const basic = (rest: string) => `proxies: [{name: a, address: a, default: true, authentication: basic, ${rest}}]`;

  it('require a user and a password for basic', async () => {
    expect((await problemsOf(basic('port: 1'))).map(({ key }) => key)).toEqual([
      'proxies[0].user',
      'proxies[0].password',
    ]);
    expect((await problemsOf(basic("user: '', password: ''"))).map(({ key }) => key)).toEqual([
      'proxies[0].user',
      'proxies[0].password',
    ]);
    expect(await warningsOf(basic("user: u, password: 'long enough'"))).toEqual([]);
  });

  it.each(['digest', 'ntlm', 'auto'])('require a user and a password for %s', async (scheme) => {
    const problems = await problemsOf(`proxies: [{name: a, address: a, default: true, authentication: ${scheme}}]`);
    expect(problems.map(({ key }) => key)).toEqual(['proxies[0].user', 'proxies[0].password']);
    expect(problems[0]?.message).toContain(`authentication is ${scheme}`);
  });

  it('require neither for negotiate and warn that they are unused', async () => {
    const negotiate = 'name: a, address: a, default: true, authentication: negotiate';
    expect(await warningsOf(`proxies: [{${negotiate}}]`)).toEqual([]);
    const [warned] = await warningsOf(`proxies: [{${negotiate}, user: u, password: 'long enough'}]`);
    expect(warned?.message).toContain('authentication is negotiate');
  });

  it('warn of trust settings for a proxy without TLS', async () => {
    const client = 'client_certificate: {certificate_file: c.pem, key_file: k.pem}';
    const unused = (scheme: string) =>
      warningsOf(`proxies: [{name: a, address: a, default: true, scheme: ${scheme}, ca_file: ca.pem, ${client}}]`);
    expect(await unused('http')).toMatchObject([
      { key: 'proxies[0].ca_file', message: expect.stringContaining('set updates.ca_file') },
      { key: 'proxies[0].client_certificate' },
    ]);
    expect(await unused('https')).toEqual([]);
  });

  it('warn of allow_cleartext if it has no effect', async () => {
    const user = "user: u, password: 'long enough', allow_cleartext: true";
    expect(await warningsOf(basic(user))).toMatchObject([{ key: 'proxies[0].allow_cleartext' }]);
    expect(await warningsOf(`proxies: [{name: a, address: a, default: true, authentication: auto, ${user}}]`)).toEqual(
      [],
    );
  });

  it('allow any text but a colon in the user and domain of basic', async () => {
    expect(await problemsOf(basic("user: 'a:b', domain: 'c:d', password: 'long enough'"))).toMatchObject([
      { key: 'proxies[0].user' },
      { key: 'proxies[0].domain' },
    ]);
    const { settings } = await folder.accept(
      `version: 2\n${basic("user: 'jürgen 漢字 \\@.', password: 'pä:ss wörd 🔑'")}\n`,
    );
    expect(settings.proxies[0]?.user).toBe('jürgen 漢字 \\@.');
    expect(settings.proxies[0]?.password?.reveal()).toBe('pä:ss wörd 🔑');
  });

  it.each(['\\u0007', '\\n', '\\u0085', '\\0', '\\u2028'])('refuse control characters: %s', async (control) => {
    const problems = await problemsOf(basic(`user: "ab${control}c", password: "abcdef${control}"`));

    expect(problems).toMatchObject([
      { key: 'proxies[0].user', message: expect.stringContaining('Character 3') },
      { key: 'proxies[0].password', message: expect.stringContaining('Character 7') },
    ]);
  });

  it.each(["password: 'long enough'", 'domain: CORP', "user: '', password: 'long enough'"])(
    'warn of unused values if the user is blank: %s',
    async (rest) => {
      const warnings = await warningsOf(`proxies: [{name: a, address: a, default: true, ${rest}}]`);

      expect(warnings).toHaveLength(1);
      expect(warnings[0]?.message).toContain('there is no user');
    },
  );

  it('warn of an unused user with transparent', async () => {
    expect(await warningsOf('proxies: [{name: a, address: a, default: true, user: u}]')).toMatchObject([
      { key: 'proxies[0].user' },
    ]);
  });

  it('treat a blank user and password as unset', async () => {
    const { settings, warnings } = await folder.accept(
      "version: 2\nproxies: [{name: a, address: a, default: true, user: '', password: '', domain: ''}]\n",
    );

    expect(warnings).toEqual([]);
    expect(Object.keys(settings.proxies[0]!)).not.toEqual(expect.arrayContaining(['user']));
    expect(settings.proxies[0]).not.toHaveProperty('password');
  });
});

describe('purpose rules', () => {
  it('require the name of an existing profile', async () => {
    expect(await problemsOf(`proxies: [${CORP}]\nuse_proxy_for: {updates: crop, platform: Corp}`)).toMatchObject([
      { key: 'use_proxy_for.updates', found: 'crop', didYouMean: 'corp', allowed: 'none, default, corp' },
      { key: 'use_proxy_for.platform', found: 'Corp', didYouMean: 'corp' },
    ]);
  });

  it('choose direct connections without enabled proxies', async () => {
    expect(await warningsOf('proxies: []')).toEqual([]);
    expect(await warningsOf(`proxy_enabled: false\nproxies: [${CORP}]`)).toEqual([]);
  });
});

describe('proxy_required', () => {
  it.each([
    ['proxies: []', 'proxies', 'no proxies are configured', 'add a proxy'],
    ['retry: {}', 'proxies', 'no proxies are configured', 'add a proxy'],
    [`proxy_enabled: false\nproxies: [${CORP}]`, 'proxy_enabled', 'proxy_enabled is false', 'set proxy_enabled: true'],
    [
      `proxies: [${CORP}]\nuse_proxy_for: {platform: none}`,
      'use_proxy_for.platform',
      'use_proxy_for.platform is none',
      'set use_proxy_for.platform to a proxy',
    ],
  ])('refuses every direct route with its rule and remedy: %j', async (text, key, rule, remedy) => {
    const { error, problems } = await folder.refuse(`version: 2\nproxy_required: true\n${text}\n`);

    expect(problems).toMatchObject([{ key, code: 'POLICY-DIRECT', message: expect.stringContaining(rule) }]);
    expect(error.code).toBe('POLICY-DIRECT');
    expect(error.message).toContain(rule);
    expect(error.check.startsWith(`Either ${remedy}`)).toBe(true);
    expect(error.check).toMatch(/, or ask root to change proxy_required\.$/);
  });

  it('accepts a proxy for every purpose', async () => {
    expect(await warningsOf(`proxy_required: true\nproxies: [${CORP}]`)).toEqual([]);
  });

  it('reports CONFIG instead of POLICY-DIRECT if there are other mistakes', async () => {
    const { error } = await folder.refuse('version: 2\nproxy_required: true\nretry: {attempts: 0}\n');

    expect(error).toMatchObject({ code: 'CONFIG', facts: { count: 2 } });
  });
});

describe('header rules', () => {
  it.each([
    'Host',
    'content-length',
    'Content-Type',
    'Range',
    'accept-encoding',
    'Connection',
    'Transfer-Encoding',
    'Proxy-Authorization',
    'TE',
    '"X Y"',
    '"X\\nY"',
    '""',
  ])('refuse the name %s', async (name) => {
    expect(await problemsOf(`updates: {headers: {${name}: 'some value'}}`)).toHaveLength(1);
  });

  it('refuse duplicates in other letter case, and a second authorization', async () => {
    expect(await problemsOf("updates: {headers: {X-A: 'some value', x-a: 'some value'}}")).toMatchObject([
      { key: 'updates.headers.x-a' },
    ]);
    expect(
      await problemsOf("updates: {bearer_token: 'some-value', headers: {authorization: 'some value'}}"),
    ).toMatchObject([{ key: 'updates.headers.authorization' }]);
  });
});

describe('hook rules', () => {
  const hook = (rest: string, command = '/bin/sh') => `updates: {on_published: {command: ${command}}${rest}}`;
  const https = ', feed_url: https://updates.example.com/feed.json';

  it('accept a program with explicit trust', async () => {
    expect(await warningsOf(hook(`${https}, hook_trust: tls`))).toEqual([]);
  });

  it.each([
    ['no feed is signed yet', hook(https)],
    ['the feed comes over http from this host', hook(', feed_url: http://127.0.0.1/f, hook_trust: tls')],
  ])('warn if the hook can never run: %s', async (_why, text) => {
    expect(await warningsOf(text)).toMatchObject([{ key: 'updates.on_published', line: 2 }]);
  });

  it.each([
    ['/none/at/all', 'This program does not exist.'],
    ['/usr', 'This is not a program.'],
    ['/etc/passwd', 'This user is not allowed to run it.'],
  ])('warn if %s cannot be run', async (command, message) => {
    expect(await warningsOf(hook(`${https}, hook_trust: tls`, command))).toMatchObject([
      { key: 'updates.on_published.command', found: command, message },
    ]);
  });

  it.each(['touch', './touch', '/usr/../touch', '/usr/bin/', '"/a\\0b"', '7', '""'])(
    'refuse a command that is not an absolute path: %s',
    async (command) => {
      expect(await problemsOf(hook('', command))).toMatchObject([{ key: 'updates.on_published.command' }]);
    },
  );

  it('require a list of arguments and no trust but tls', async () => {
    expect(
      await problemsOf('updates: {on_published: {command: /bin/sh, arguments: -c}, hook_trust: loopback}'),
    ).toMatchObject([{ key: 'updates.on_published.arguments' }, { key: 'updates.hook_trust' }]);
  });
});

describe('rules for purpose sections', () => {
  it('warn if enabled without a URL', async () => {
    expect(await warningsOf('platform: {enabled: true}')).toMatchObject([
      { key: 'platform.enabled', line: 2, message: expect.stringContaining('Nothing is sent without platform.url') },
    ]);
    expect(await warningsOf('platform: {enabled: true, url: "https://a.example.com/"}')).toEqual([]);
    expect(await warningsOf('support_logs: {url: "https://support.example.com/"}')).toEqual([]);
  });

  it('check headers and pins as in updates', async () => {
    const twice = 'exposure_analytics: {bearer_token: "long-enough", headers: {Authorization: "Basic abcdefgh"}}';
    expect(await problemsOf(twice)).toMatchObject([{ key: 'exposure_analytics.headers.Authorization' }]);
    const pin = `sha256/${Buffer.alloc(32, 1).toString('base64')}`;
    expect(await warningsOf(`platform: {pins: ['${pin}']}`)).toMatchObject([{ key: 'platform.pins' }]);
  });
});

describe('rules for the platform', () => {
  it.each(['http', 'ws'])('refuse %s to another host, and only warn while disabled', async (scheme) => {
    const url = `url: "${scheme}://platform.example.com/"`;
    expect(await problemsOf(`platform: {enabled: true, ${url}}`)).toMatchObject([{ key: 'platform.url' }]);
    expect(await warningsOf(`platform: {${url}}`)).toMatchObject([{ key: 'platform.url' }]);
    expect(await warningsOf(`platform: {enabled: true, url: "${scheme}://127.0.0.1:8080/"}`)).toEqual([]);
  });

  it('warn of reports if the policy forbids uploads', async () => {
    const enabled = (report: string) =>
      `uploads_allowed: false\nplatform: {enabled: true, url: "wss://platform.example.com/", report: ${report}}`;
    expect(await warningsOf(enabled('basic'))).toMatchObject([
      { key: 'platform.report', message: expect.stringContaining('POLICY-UPLOADS') },
    ]);
    expect(await warningsOf(enabled('none'))).toEqual([]);
  });
});

describe('rules for uploads', () => {
  const HTTP = 'url: "http://support.example.com/"';

  it('warn of an enabled purpose if the policy forbids uploads', async () => {
    const enabled = 'exposure_analytics: {enabled: true, url: "https://analytics.example.com/"}';
    expect(await warningsOf(`uploads_allowed: false\n${enabled}`)).toMatchObject([
      { key: 'exposure_analytics.enabled', message: expect.stringContaining('POLICY-UPLOADS') },
    ]);
    expect(await warningsOf(`uploads_allowed: true\n${enabled}`)).toEqual([]);
  });

  it('require https for an enabled purpose, and warn otherwise', async () => {
    expect(await problemsOf(`support_logs: {enabled: true, ${HTTP}}`)).toMatchObject([{ key: 'support_logs.url' }]);
    expect(await warningsOf(`support_logs: {${HTTP}}`)).toMatchObject([{ key: 'support_logs.url' }]);
    expect(await warningsOf('support_logs: {url: "wss://support.example.com/"}')).toMatchObject([
      { key: 'support_logs.url' },
    ]);
    expect(await warningsOf('support_logs: {enabled: true, url: "http://127.0.0.1:8080/files"}')).toEqual([]);
  });

  it('warn of allow_until without allow', async () => {
    expect(await warningsOf('support_logs: {allow_until: "2027-01-31"}')).toMatchObject([
      { key: 'support_logs.allow_until' },
    ]);
    expect(await warningsOf('support_logs: {on_platform_request: allow, allow_until: "2027-01-31"}')).toEqual([]);
  });

  it.each([
    ["[{name: a, pattern: 'x'}, {name: a, pattern: 'y'}]", 'support_logs.redaction[1].name', 'already has this name'],
    ["[{name: a, pattern: '('}]", 'support_logs.redaction[0].pattern', 'cannot be used: missing closing )'],
    [
      "[{name: a, pattern: '(?=x)'}]",
      'support_logs.redaction[0].pattern',
      'lookahead such as (?=...) is not supported',
    ],
    ["[{name: a, pattern: 'x*'}]", 'support_logs.redaction[0].pattern', 'matches an empty text'],
  ])('refuse redaction: %s', async (rules, key, words) => {
    expect(await problemsOf(`support_logs: {redaction: ${rules}}`)).toMatchObject([
      { key, message: expect.stringContaining(words) },
    ]);
  });
});

describe('pin rules', () => {
  const pin = (byte: number) => `sha256/${Buffer.alloc(32, byte).toString('base64')}`;

  it('warn of a single pin', async () => {
    expect(await warningsOf(`updates: {pins: ['${pin(1)}']}`)).toMatchObject([
      { key: 'updates.pins', message: expect.stringContaining('Add the pin of a spare key') },
    ]);
    expect(await warningsOf(`updates: {pins: ['${pin(1)}', '${pin(2)}']}`)).toEqual([]);
  });

  it('refuse an empty list', async () => {
    expect(await problemsOf('updates: {pins: []}')).toMatchObject([{ key: 'updates.pins' }]);
  });
});
