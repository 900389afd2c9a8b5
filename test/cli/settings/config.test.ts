// What an admin reads after an edit: all errors at once with their positions, and the effective values with their
// source.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configCheckCommand, configSchemaCommand, configShowCommand } from '#cli/settings/config.ts';
import { makeJsonSchema } from '#config/generate/json-schema.ts';
import { loadSettings } from '#config/reading/load.ts';
import { createRedactor } from '#redaction/redact.ts';
import { ConfigFolder, TEST_PLACES } from '#test/support/config-file.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';

let folder: ConfigFolder;
beforeEach(async () => {
  folder = await ConfigFolder.make();
});
afterEach(() => folder.remove());

const GOOD = `version: 2
updates:
  feed_url: https://updates.example.com/feed.json
  bearer_token: { env: TOKEN }
proxies:
  - name: corp
    address: proxy.example.com
    port: 3128
    authentication: basic
    user: svc
    password: { file: proxy.password }
    default: true
`;

const TEN_MISTAKES = `version: 2
updates:
  feed_ulr: https://updates.example.com/feed.json
  keep_versions: many
  schedule: "61 * * * *"
  allowed_origins: https://cdn.example.com
response_timeout:
  base_ms: 999
  mode: adaptve
proxies:
  - name: default
    address: http://proxy.example.com:3128
    port: 99999
logging:
  level: chatty
daemons:
  state_dir: /x
`;

async function loadGood() {
  await folder.write('proxy.password', 'p:ss wörd%/@#"\\');
  return await folder.accept(GOOD, { environment: { TOKEN: 'token-token-token' } });
}

const shortened = (lines: readonly string[]) => lines.map((line) => line.replaceAll(folder.path, '/etc/sallyport'));
/** Removes the list of all keys of a section, which changes often. */
const withoutKeys = (line: string) => line.replace(/Allowed: \w+, \w+, \w+, [^.]*\. Did/, 'Allowed: ... Did');

describe('config check', () => {
  it('reports that a valid file has no errors', async () => {
    const terminal = fakeTerminal();
    expect(configCheckCommand(terminal, await loadGood())).toBe(0);
    expect(shortened(terminal.printed)).toEqual(['/etc/sallyport/sallyport.yaml: no errors.']);
    expect(terminal.errors).toEqual([]);
  });

  it('reports every error at once, in line order, and exits with 78', async () => {
    const terminal = fakeTerminal();
    expect(configCheckCommand(terminal, await folder.refuse(TEN_MISTAKES))).toBe(78);
    expect(terminal.printed).toEqual([]);
    expect(shortened(terminal.errors).map(withoutKeys)).toMatchInlineSnapshot(`
      [
        "/etc/sallyport/sallyport.yaml:3:3: updates.feed_ulr: Unknown key. Allowed: ... Did you mean feed_url?",
        "/etc/sallyport/sallyport.yaml:4:18: updates.keep_versions: This must be a number. Found: many. Allowed: 1 to 1000.",
        "/etc/sallyport/sallyport.yaml:5:13: updates.schedule: One of the five fields is out of range, or is not a number, list, step or name. Found: "61 * * * *". Allowed: five cron fields.",
        "/etc/sallyport/sallyport.yaml:6:20: updates.allowed_origins: This must be a list, with a dash before each entry. Found: https://cdn.example.com. Allowed: a list of at most 64 origins such as https://cdn.example.com.",
        "/etc/sallyport/sallyport.yaml:8:12: response_timeout.base_ms: Out of range; must be 1000 to 2147483647. Found: 999. Allowed: 1000 to 2147483647.",
        "/etc/sallyport/sallyport.yaml:9:9: response_timeout.mode: This is not one of the allowed values. Found: adaptve. Allowed: fixed, adaptive. Did you mean adaptive?",
        "/etc/sallyport/sallyport.yaml:10:1: proxies: No profile is the default, but use_proxy_for is set to default for updates, support_logs, exposure_analytics, platform. Set default: true in one profile, or name a profile in use_proxy_for.",
        "/etc/sallyport/sallyport.yaml:11:11: proxies[0].name: The name default is reserved: it has a special meaning in use_proxy_for. Found: default. Allowed: at most 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit; neither none nor default.",
        "/etc/sallyport/sallyport.yaml:12:14: proxies[0].address: This key takes only the host; write address: proxy.example.com and port: 3128. Found: http://proxy.example.com:3128. Allowed: a DNS name, an IPv4 address or an IPv6 address without brackets.",
        "/etc/sallyport/sallyport.yaml:13:11: proxies[0].port: Out of range; must be 1 to 65535. Found: 99999. Allowed: 1 to 65535.",
        "/etc/sallyport/sallyport.yaml:15:10: logging.level: This is not one of the allowed values. Found: chatty. Allowed: debug, info, warn, error.",
        "/etc/sallyport/sallyport.yaml:16:1: daemons: Unknown key. Allowed: ... Did you mean daemon?",
        "[CONFIG] /etc/sallyport/sallyport.yaml has 12 errors. Nothing was started or changed.",
        "  Fix the lines listed above, then run: sallyport config check.",
      ]
    `);
  });

  it.each([
    [100, null],
    [101, 'and 1 more error'],
    [350, 'and 250 more errors'],
  ])('prints the first hundred of %i errors and counts the rest', async (count, rest) => {
    const terminal = fakeTerminal();
    const wrong = Array.from({ length: count }, (_, index) => `zz${index}: 1\n`).join('');
    expect(configCheckCommand(terminal, await folder.refuse(`version: 2\n${wrong}`))).toBe(78);
    expect(terminal.errors.filter((line) => line.includes(': zz'))).toHaveLength(100);
    expect(terminal.errors.slice(100, -2)).toEqual(rest === null ? [] : [rest]);
  });

  it('prints warnings and exits with 0', async () => {
    const terminal = fakeTerminal();
    await folder.write('proxy.password', 'long-enough');
    const result = await folder.accept(GOOD.replace('{ env: TOKEN }', "'written-here'"), { mode: 0o644 });
    expect(configCheckCommand(terminal, result)).toBe(0);
    expect(shortened(terminal.printed)).toEqual(['/etc/sallyport/sallyport.yaml: no errors, 1 warning.']);
    expect(shortened(terminal.errors)).toMatchInlineSnapshot(`
      [
        "warning: /etc/sallyport/sallyport.yaml:4:17: updates.bearer_token: The secret is in this file, which every user of this host can read (mode 0644). Write {file: ...} or {credential: ...} instead, or run chmod 0600 on this file.",
      ]
    `);
  });

  it('says what to do if the file does not exist', async () => {
    const terminal = fakeTerminal();
    const file = `${folder.path}/none.yaml`;
    const result = await loadSettings({ file, places: TEST_PLACES, environment: {}, known: folder.known });
    expect(configCheckCommand(terminal, result)).toBe(78);
    expect(shortened(terminal.errors)).toMatchInlineSnapshot(`
      [
        "[CONFIG-UNREADABLE] Cannot read /etc/sallyport/none.yaml: there is no such file.",
        "  Check that the file exists and that this user may read it. The example file in the same folder shows every key.",
      ]
    `);
  });
});

describe('config show', () => {
  it('prints each key with its value and source; secrets appear as ***', async () => {
    const terminal = fakeTerminal();
    const known = createRedactor(folder.known);
    expect(configShowCommand(terminal, await loadGood(), { json: false, known })).toBe(0);
    const rows = shortened(terminal.printed).map((line) => line.replaceAll(/ {2,}/g, ' | '));
    expect(rows[0]).toBe('KEY | VALUE | FROM');
    expect(rows).toEqual(
      expect.arrayContaining([
        'version | 2 | line 1',
        'updates.feed_url | https://updates.example.com/feed.json | line 3',
        'updates.acknowledge_url | not set | default',
        'updates.schedule | "0 */6 * * *" | default',
        'updates.keep_versions | 3 | default',
        'updates.bearer_token | *** | line 4',
        'updates.allowed_origins | none | default',
        'updates.product_updates | true | default',
        'response_timeout.base_ms | 30000 | default',
        'proxies[0].user | svc | line 10',
        'proxies[0].password | *** | line 11',
        'use_proxy_for.updates | default | default',
        'daemon.control_socket | /dev/null/state/control.sock | default',
      ]),
    );
  });

  it('prints the entries of a list', async () => {
    const terminal = fakeTerminal();
    const text = 'version: 2\nupdates:\n  allowed_origins: ["https://a.example.com", "https://b.example.com"]\n';
    configShowCommand(terminal, await folder.accept(text), { json: false, known: createRedactor(folder.known) });
    expect(terminal.printed.join('\n')).toContain('https://a.example.com, https://b.example.com');
  });

  it('has the same rows with --json', async () => {
    const terminal = fakeTerminal();
    const known = createRedactor(folder.known);
    configShowCommand(terminal, await loadGood(), { json: true, known });
    const rows = JSON.parse(terminal.printed.join('\n')) as {
      key: string;
      value: unknown;
      source: string;
      line: unknown;
    }[];
    expect(rows).toEqual(
      expect.arrayContaining([
        { key: 'proxies[0].password', value: '***', source: 'file', line: 11, set_by: 'admin' },
        { key: 'updates.keep_versions', value: 3, source: 'default', line: null, set_by: 'operator' },
        {
          key: 'updates.feed_url',
          value: 'https://updates.example.com/feed.json',
          source: 'file',
          line: 3,
          set_by: 'root',
        },
      ]),
    );
  });

  it.each([false, true])('hides a secret that is part of another value (--json: %s)', async (json) => {
    const text = GOOD.replace('/feed.json', '/feed.json?t=token-token-token').replace(
      'user: svc',
      'user: token-token-token',
    );
    await folder.write('proxy.password', 'long-enough');
    const loaded = await folder.accept(text, { environment: { TOKEN: 'token-token-token' } });
    const terminal = fakeTerminal();
    configShowCommand(terminal, loaded, { json, known: createRedactor(folder.known) });
    expect(terminal.printed.join('\n')).not.toContain('token-token');
  });

  it('prints the errors of an invalid file', async () => {
    const terminal = fakeTerminal();
    const refused = await folder.refuse(TEN_MISTAKES);
    expect(configShowCommand(terminal, refused, { json: true, known: createRedactor(folder.known) })).toBe(78);
    expect(terminal.printed).toEqual([]);
    expect(terminal.errors.length).toBeGreaterThan(10);
  });
});

describe('config schema', () => {
  it('prints the generated schema for editors', () => {
    const terminal = fakeTerminal();
    expect(configSchemaCommand(terminal)).toBe(0);
    expect(`${terminal.printed.join('\n')}\n`).toBe(makeJsonSchema());
  });
});
