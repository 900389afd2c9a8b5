import { describe, expect, it } from 'vitest';
import { processWords, takeEnvironment } from '#system/process/environment.ts';

describe('the environment at start', () => {
  it.each(['NODE_TLS_REJECT_UNAUTHORIZED', 'NODE_OPTIONS', 'SSLKEYLOGFILE'])(
    'environment: %s is refused by name',
    (name) => {
      const { refused } = takeEnvironment({ PATH: '/bin', [name]: '0' }, 7);

      expect(refused?.code).toBe('ENVIRONMENT-REFUSED');
      expect(refused?.message).toContain(name);
    },
  );

  it('environment: NODE_EXTRA_CA_CERTS is removed and reported', () => {
    const variables: Record<string, string> = { PATH: '/bin', NODE_EXTRA_CA_CERTS: '/etc/ca.pem' };

    const taken = takeEnvironment(variables, 7);

    expect(taken).toMatchObject({ refused: null, removed: 'NODE_EXTRA_CA_CERTS' });
    expect(variables).toEqual({ PATH: '/bin' });
  });

  it('environment: an empty variable is allowed, as Node treats it as not set', () => {
    expect(takeEnvironment({ NODE_EXTRA_CA_CERTS: '', NODE_OPTIONS: '' }, 7).refused).toBeNull();
  });

  it('environment: variables for this process only are kept in the copy alone', () => {
    const variables: Record<string, string> = {
      PATH: '/bin',
      NOTIFY_SOCKET: '/run/notify',
      WATCHDOG_USEC: '3000000',
      WATCHDOG_PID: '7',
      CREDENTIALS_DIRECTORY: '/run/credentials',
      https_proxy: 'http://svc:open%20sesame@proxy:3128',
      NO_PROXY: 'localhost',
    };

    const { environment, service } = takeEnvironment(variables, 7);

    expect(variables).toEqual({ PATH: '/bin' });
    expect(environment['CREDENTIALS_DIRECTORY']).toBe('/run/credentials');
    expect(environment['https_proxy']).toBe('http://svc:open%20sesame@proxy:3128');
    expect(service).toEqual({ notifySocket: '/run/notify', watchdogMs: 3_000 });
  });

  it.each([
    ['no limit', {}],
    ['a limit for another process', { WATCHDOG_USEC: '3000000', WATCHDOG_PID: '8' }],
    ['a limit that is no number', { WATCHDOG_USEC: 'soon' }],
    ['a limit of zero', { WATCHDOG_USEC: '0' }],
  ])('environment: there is no watchdog with %s', (_what, variables) => {
    expect(takeEnvironment(variables, 7).service.watchdogMs).toBeNull();
  });
});

describe('the name of a process', () => {
  it.each([
    [1000, undefined, 'user 1000 (process 7)'],
    [1000, 'ann', 'user 1000 (process 7)'],
    [0, undefined, 'root (process 7)'],
    [0, '', 'root (process 7)'],
    [0, 'ann', 'root (process 7, by sudo from ann)'],
  ])('process words: uid %i with SUDO_USER %j is %s', (uid, sudoUser, words) => {
    expect(processWords({ uid, pid: 7 }, sudoUser)).toBe(words);
  });
});
