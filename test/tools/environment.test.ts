import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { takeEnvironment } from '#system/process/environment.ts';
import { MAIN_PATH } from '#test/support/main-path.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(`${ROOT}${path}`, 'utf8');

const WORDS = /\b(?:NODE_[A-Z_]+|SSLKEYLOGFILE)\b/g;
const CANDIDATES = [...new Set(read('src/system/process/environment.ts').match(WORDS))];
const REFUSED = CANDIDATES.filter((name) => {
  const { refused, removed } = takeEnvironment({ [name]: '1' }, 7);
  return refused !== null || removed !== null;
}).toSorted();

describe('refused variables', () => {
  it('refused variables: the list has four', () => {
    expect(REFUSED).toEqual(['NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS', 'NODE_TLS_REJECT_UNAUTHORIZED', 'SSLKEYLOGFILE']);
  });

  it.each([
    ['tools/environment.js', /^const REFUSED = .*$/m],
    ['systemd/sallyport.sh', /^for name in .*$/m],
    ['systemd/sallyport.service', /^UnsetEnvironment=.*$/m],
    ['vitest.config.ts', /^ +env: .*$/m],
  ])('refused variables: %s removes all of them', (path, line) => {
    expect((line.exec(read(path))?.[0].match(WORDS) ?? []).toSorted()).toEqual(REFUSED);
  });

  it('refused variables: the program exits with 78 and names them', () => {
    const env = { PATH: process.env['PATH'] ?? '', SSLKEYLOGFILE: '/tmp/keys' };
    const { status, stderr } = spawnSync(process.execPath, [MAIN_PATH, 'config', 'schema'], { env, encoding: 'utf8' });

    expect(status).toBe(78);
    expect(stderr).toContain('[ENVIRONMENT-REFUSED]');
    expect(stderr).toContain('SSLKEYLOGFILE');
  });

  it('refused variables: the launcher of a checkout removes and names them', () => {
    const script = `import { cleanEnvironment } from ${JSON.stringify(`${ROOT}tools/environment.js`)};
      console.log(JSON.stringify(cleanEnvironment()));`;
    const env = { PATH: process.env['PATH'] ?? '', SSLKEYLOGFILE: '/tmp/keys', NODE_TLS_REJECT_UNAUTHORIZED: '0' };
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
      env,
      encoding: 'utf8',
    });

    expect(Object.keys(JSON.parse(stdout) as object)).toEqual(['PATH']);
    expect(stderr).toContain('SSLKEYLOGFILE is set; it is not passed on');
    expect(stderr).toContain('NODE_TLS_REJECT_UNAUTHORIZED is set; it is not passed on');
  });
});

describe('launchers', () => {
  it.each(['tools/sallyport.js', 'systemd/sallyport.sh'])('launchers: %s passes both options to Node', (path) => {
    expect(read(path)).toMatch(/--disable-sigusr1\b.*--report-exclude-env\b/s);
  });

  it('launchers: the shell can parse the script', () => {
    for (const path of ['systemd/sallyport.sh', 'systemd/install.sh']) {
      execFileSync('sh', ['-n', `${ROOT}${path}`]);
    }
  });
});
