import { describe, expect, it } from 'vitest';
import { type Actions, runProgram } from '#cli/program/program.ts';
import { EXIT_STATUS } from '#errors/exit-status.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';

/** Runs the program with actions that only record their calls. */
async function run(...args: string[]) {
  const terminal = fakeTerminal();
  const called: unknown[][] = [];
  const note =
    (name: string) =>
    (...given: unknown[]) => {
      called.push([name, ...given.filter((value) => !isCommand(value))]);
      return Promise.resolve(7);
    };
  const actions = new Proxy({} as Actions, { get: (_target, name) => note(String(name)) });
  const status = await runProgram(args, { actions, terminal, version: '9.8.7' });
  return { status, called, out: terminal.written, err: terminal.errors.join('\n'), told: terminal.printed };
}

const isCommand = (value: unknown) => typeof value === 'object' && value !== null && 'parseAsync' in value;

const COMMANDS = [
  'run',
  'check',
  'status',
  'logs',
  'metrics',
  'diagnose',
  'endpoints',
  'updates list',
  'updates verify',
  'updates hold',
  'updates release',
  'updates publish',
  'updates export',
  'updates import',
  'mirror',
  'updates forget-serial',
  'updates hook',
  'timeout explain',
  'timeout estimate',
  'proxy list',
  'proxy show',
  'proxy add',
  'proxy edit',
  'proxy change',
  'proxy delete',
  'proxy default',
  'proxy enable',
  'proxy disable',
  'route show',
  'route set',
  'config check',
  'config show',
  'config schema',
  'serve',
  'fleet push',
  'license add',
  'license sign',
  'feed build',
  'demo',
];

describe('help', () => {
  it('lists every command with its purpose', async () => {
    const { status, out, err } = await run('--help');
    expect(status).toBe(0);
    expect(err).toBe('');
    for (const command of COMMANDS) expect(out).toMatch(new RegExp(`^  ${command.split(' ')[0]}\\b.*  \\S`, 'm'));
  });

  it.each(['', ...COMMANDS])('of %j breaks lines between words at 80 columns', async (command) => {
    const { out } = await run(...command.split(' ').filter((word) => word !== ''), '--help');

    expect(out.split('\n').filter(({ length }) => length > 80)).toEqual([]);
  });

  it('names every exit status', async () => {
    const { out } = await run('--help');
    const told = out.replaceAll('\n', ' ');
    for (const status of Object.values(EXIT_STATUS)) expect(told).toMatch(new RegExp(`[ ,:]${status} \\S`));
  });

  it.each(COMMANDS)('of %s exits with 0, and shows its usage and the global options', async (command) => {
    const { status, out, called } = await run(...command.split(' '), '--help');
    expect(status).toBe(0);
    expect(called).toEqual([]);
    expect(out).toContain(`Usage: sallyport ${command} `);
    expect(out).toContain('--config <file>');
  });
});

describe('the version', () => {
  it('is printed alone and unchanged', async () => {
    expect(await run('--version')).toMatchObject({ status: 0, out: '9.8.7\n', err: '' });
  });
});

describe('the help', () => {
  it('shows the default of a value, but not of a flag', async () => {
    expect((await run('serve', '--help')).out).toContain('(default: "127.0.0.1")');
    for (const command of [['status'], ['proxy', 'change'], ['endpoints']]) {
      expect((await run(...command, '--help')).out).not.toContain('default: false');
    }
  });
});

describe('invalid arguments', () => {
  it.each([
    [['status', '--jsn'], '--json', 'status '],
    [['statsu'], 'status', ''],
    [['updates', 'lst'], 'list', 'updates '],
    [['run', '--onc'], '--once', 'run '],
    [['--confg', 'x', 'status'], '--config', ''],
  ])('exit with 64, suggest the right one and the help of the command: %j %s', async (args, meant, help) => {
    const { status, err, called } = await run(...args);
    expect(status).toBe(64);
    expect(err).toContain(`Did you mean ${meant}?`);
    expect(err).toContain(`Try: sallyport ${help}--help`);
    expect(called).toEqual([]);
  });

  it.each([
    [[]],
    [['updates']],
    [['config']],
    [['feed']],
    [['run', 'now']],
    [['status', '--config']],
    [['run', '--log', 'xml']],
    [['serve']],
    [['serve', '.', '--port', '65536']],
    [['serve', '.', '--public-url', 'https://a.example.com/path']],
    [['license', 'add', '.', '--expires', '31.12.2027']],
    [['license', 'add', '.', '--expires', '2027-12-31', '--count', '0']],
    [['serve', '.', '--port', '80a']],
    [['serve', '.', '--port', '-1']],
    [['feed', 'build', '.', '--expires-days', '0']],
    [['feed', 'build', '.', '--expires-days', '1.5']],
  ])('exit with 64 and a message on stderr: %j', async (args: string[]) => {
    const { status, err, called, told } = await run(...args);
    expect(status).toBe(64);
    expect(err).not.toBe('');
    expect(told).toEqual([]);
    expect(called).toEqual([]);
  });
});

describe('each command', () => {
  it.each([
    [['run'], ['run', {}, { once: false }]],
    [
      ['run', '--once', '--log', 'json'],
      ['run', {}, { once: true, log: 'json' }],
    ],
    [['check'], ['check', {}, { json: false, retryCredential: false, now: false }]],
    [
      ['check', '--retry-credential'],
      ['check', {}, { json: false, retryCredential: true, now: false }],
    ],
    [
      ['-c', 'x.yaml', 'check', '--json'],
      ['check', { config: 'x.yaml' }, { json: true, retryCredential: false, now: false }],
    ],
    [
      ['check', '--config', 'x.yaml'],
      ['check', { config: 'x.yaml' }, { json: false, retryCredential: false, now: false }],
    ],
    [['status'], ['status', {}, { json: false, check: false, watch: false, verbose: false }]],
    [
      ['status', '-v'],
      ['status', {}, { json: false, check: false, watch: false, verbose: true }],
    ],
    [
      ['status', '--watch'],
      ['status', {}, { json: false, check: false, watch: true, verbose: false }],
    ],
    [
      ['logs', '-f', '--purpose', 'updates', '-n', '5'],
      ['logs', {}, { follow: true, purpose: 'updates', level: 'debug', lines: 5 }],
    ],
    [
      ['metrics', '--textfile', 'a.prom'],
      ['metrics', {}, { textfile: 'a.prom' }],
    ],
    [
      ['status', '--check'],
      ['status', {}, { json: false, check: true, watch: false, verbose: false }],
    ],
    [
      ['updates', 'list', '--json'],
      ['listUpdates', {}, { json: true }],
    ],
    [
      ['updates', 'verify'],
      ['verifyUpdates', {}, { json: false }],
    ],
    [
      ['updates', 'hook', 'u1', '--json'],
      ['runHook', {}, { id: 'u1', json: true }],
    ],
    [
      ['config', 'check', '-c', 'x.yaml'],
      ['configCheck', { config: 'x.yaml' }],
    ],
    [
      ['config', 'show'],
      ['configShow', {}, { json: false }],
    ],
    [['config', 'schema'], ['configSchema']],
    [
      ['config', 'upgrade'],
      ['configUpgrade', {}, { dryRun: false }],
    ],
    [
      ['config', 'upgrade', '--dry-run'],
      ['configUpgrade', {}, { dryRun: true }],
    ],
    [
      ['serve', 'd'],
      ['serve', 'd', { host: '127.0.0.1', port: 8080, keys: 'keys' }],
    ],
    [
      ['serve', 'd', '--port', '0', '--host', '::1', '--public-url', 'https://a.example.com/'],
      ['serve', 'd', { host: '::1', port: 0, keys: 'keys', publicUrl: 'https://a.example.com' }],
    ],
    [
      ['fleet', 'push', 'd', 'all', 'send-logs', '--case', 'C-1'],
      ['fleetPush', 'd', { agent: 'all', command: 'send-logs' }, { case: 'C-1' }],
    ],
    [
      ['license', 'add', 'd', '--expires', '2027-12-31', '--feature', 'a', 'b'],
      ['licenseAdd', 'd', { expires: '2027-12-31T00:00:00Z', count: 1, feature: ['a', 'b'] }],
    ],
    [
      ['license', 'extend', 'd', 'L-1', '--expires', '2027-12-31T12:00:00+01:00'],
      ['licenseExtend', 'd', 'L-1', { expires: '2027-12-31T12:00:00+01:00' }],
    ],
    [
      ['feed', 'build', 'd'],
      ['buildFeed', 'd', { expiresDays: 30, keys: 'keys' }],
    ],
    [
      ['demo', '--once', '--dir', 'd'],
      ['demo', { once: true, dir: 'd' }],
    ],
  ])('runs its action and returns its status: %j', async (args, call) => {
    const { status, called, err } = await run(...args);
    expect(err).toBe('');
    expect(called).toEqual([call]);
    expect(status).toBe(7);
  });
});

describe('usage errors', () => {
  it('usage errors: a line has at most 80 characters', async () => {
    for (const args of [
      ['logs', '--level', 'x'],
      ['proxy', 'show'],
      ['config', 'set', 'a.b', '--x'],
      ['metrics', '--textfile', 'x'],
    ]) {
      const { status, err } = await run(...args);
      expect(status).toBe(64);
      expect(err.split('\n').filter(({ length }) => length > 80)).toEqual([]);
      expect(err).toContain(`Try: sallyport ${args[0]}`);
    }
  });

  it('usage errors: config set does not print a value that begins with a dash', async () => {
    const { status, err, called } = await run('config', 'set', 'updates.bearer_token', '-s3cret-token');
    expect({ status, called }).toEqual({ status: 64, called: [] });
    expect(err).not.toContain('s3cret');
    expect(err).toContain('begins with a dash, write --');

    const { called: done } = await run('config', 'set', 'updates.channel', '--', '-x');
    expect(done).toMatchObject([['configSet', {}, { key: 'updates.channel', values: ['-x'] }]]);
  });
});
