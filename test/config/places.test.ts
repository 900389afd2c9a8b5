import { describe, expect, it } from 'vitest';
import { findPlaces, LONGEST_SOCKET_PATH } from '#config/places.ts';

const nothing = () => false;

describe('default places', () => {
  it('installed are those of the system', () => {
    expect(findPlaces({ root: '/opt/sallyport', environment: {}, exists: nothing })).toEqual({
      config: '/etc/sallyport/sallyport.yaml',
      packagesDir: '/var/lib/sallyport/packages',
      logsDir: '/var/log/sallyport',
      stateDir: '/var/lib/sallyport',
      controlSocket: '/run/sallyport/control.sock',
      remarks: [],
    });
  });

  it('installed follow the folders of the service, the first of several', () => {
    const environment = { STATE_DIRECTORY: '/s/a:/s/b', LOGS_DIRECTORY: '/l', RUNTIME_DIRECTORY: '/r' };

    expect(findPlaces({ root: '/opt/sallyport', environment, exists: nothing })).toMatchObject({
      packagesDir: '/s/a/packages',
      logsDir: '/l',
      stateDir: '/s/a',
      controlSocket: '/r/control.sock',
    });
  });

  it.each(['', 'relative/path'])('installed ignore a folder of the service that is no absolute path: %j', (value) => {
    const environment = { STATE_DIRECTORY: value };

    expect(findPlaces({ root: '/opt', environment, exists: nothing }).stateDir).toBe('/var/lib/sallyport');
  });

  it('in a checkout are beside the code, whatever the environment', () => {
    const exists = (path: string) => path === '/src/s/package.json' || path === '/src/s/src/main.ts';

    expect(findPlaces({ root: '/src/s', environment: { STATE_DIRECTORY: '/s' }, exists })).toEqual({
      config: '/src/s/config/sallyport.yaml',
      packagesDir: '/src/s/packages',
      logsDir: '/src/s/logs',
      stateDir: '/src/s/state',
      controlSocket: '/src/s/state/control.sock',
      remarks: [],
    });
  });

  it('half a checkout is none', () => {
    const exists = (path: string) => path.endsWith('package.json');

    expect(findPlaces({ root: '/opt/s', environment: {}, exists }).config).toBe('/etc/sallyport/sallyport.yaml');
  });

  it('have a short control socket, the same each time, where the path would be too long, and say so', () => {
    const roots = ['a', 'b'].map((name) => `/${name.repeat(LONGEST_SOCKET_PATH)}`);
    const [first, second] = roots.map((root) => findPlaces({ root, environment: {}, exists: () => true }));

    expect(Buffer.byteLength(first!.controlSocket)).toBeLessThanOrEqual(LONGEST_SOCKET_PATH);
    expect(first!.controlSocket).not.toBe(second!.controlSocket);
    expect(findPlaces({ root: roots[0]!, environment: {}, exists: () => true })).toEqual(first);
    expect(first!.remarks).toEqual([expect.stringContaining(first!.controlSocket)]);
  });
});
