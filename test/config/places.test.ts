import { describe, expect, it } from 'vitest';
import { findPlaces, placesOfDaemon, socketsOf } from '#config/places.ts';

const nothing = () => false;

describe('default places', () => {
  it('use the system folders when installed', () => {
    expect(findPlaces({ root: '/opt/sallyport', environment: {}, exists: nothing })).toEqual({
      config: '/etc/sallyport/sallyport.yaml',
      packagesDir: '/var/lib/sallyport/packages',
      logsDir: '/var/log/sallyport',
      stateDir: '/var/lib/sallyport',
      controlSocket: '/run/sallyport/control.sock',
    });
  });

  it('use the first folder of each service variable when installed', () => {
    const environment = { STATE_DIRECTORY: '/s/a:/s/b', LOGS_DIRECTORY: '/l', RUNTIME_DIRECTORY: '/r' };

    expect(findPlaces({ root: '/opt/sallyport', environment, exists: nothing })).toMatchObject({
      packagesDir: '/s/a/packages',
      logsDir: '/l',
      stateDir: '/s/a',
      controlSocket: '/r/control.sock',
    });
  });

  it.each(['', 'relative/path'])('ignore a service folder that is not an absolute path: %j', (value) => {
    const environment = { STATE_DIRECTORY: value };

    expect(findPlaces({ root: '/opt', environment, exists: nothing }).stateDir).toBe('/var/lib/sallyport');
  });

  it('are inside a checkout, whatever the environment', () => {
    const exists = (path: string) => path === '/src/s/package.json' || path === '/src/s/src/main.ts';

    expect(findPlaces({ root: '/src/s', environment: { STATE_DIRECTORY: '/s' }, exists })).toEqual({
      config: '/src/s/config/sallyport.yaml',
      packagesDir: '/src/s/packages',
      logsDir: '/src/s/logs',
      stateDir: '/src/s/state',
      controlSocket: '/src/s/state/control.sock',
    });
  });

  it('are not inside an incomplete checkout', () => {
    const exists = (path: string) => path.endsWith('package.json');

    expect(findPlaces({ root: '/opt/s', environment: {}, exists }).config).toBe('/etc/sallyport/sallyport.yaml');
  });

  it("do not depend on the length of a checkout's path", () => {
    const root = `/${'deep/'.repeat(40)}`;
    expect(findPlaces({ root, environment: {}, exists: () => true }).controlSocket).toBe(`${root}state/control.sock`);
  });
});

describe('control sockets', () => {
  const installed = findPlaces({ root: '/opt', environment: {}, exists: nothing });
  const checkout = findPlaces({ root: '/src/s', environment: {}, exists: () => true });

  it.each([
    ['of the service are in the runtime directory', installed.config, {}, '/run/sallyport/control.sock'],
    [
      'of the service stay there if its state is elsewhere',
      installed.config,
      { state_dir: '/data/state' },
      '/run/sallyport/control.sock',
    ],
    [
      'for another file are in its own state folder',
      '/home/a/s.yaml',
      { state_dir: '/home/a/s' },
      '/home/a/s/control.sock',
    ],
    ['for another file with the same state are those of the service', '/x.yaml', {}, '/run/sallyport/control.sock'],
    ['are where the file says', '/x.yaml', { control_socket: '/run/x.sock' }, '/run/x.sock'],
  ])('%s', (_what, file, set, control) => {
    expect(placesOfDaemon(file, set, installed).control_socket).toBe(control);
  });

  it('follow the state folder in a checkout, also with another file', () => {
    expect(placesOfDaemon(checkout.config, { state_dir: '/data' }, checkout).control_socket).toBe('/data/control.sock');
    expect(placesOfDaemon(checkout.config, {}, checkout).control_socket).toBe('/src/s/state/control.sock');
  });

  it.each([
    ['/run/sallyport/control.sock', '/run/sallyport/admin.sock'],
    ['/run/a.sock', '/run/a-admin.sock'],
    ['/run/a', '/run/a-admin'],
  ])('include the admin socket next to %s: %s', (control, admin) => {
    expect(placesOfDaemon('/x.yaml', { control_socket: control }, installed).admin_socket).toBe(admin);
    const own = { control_socket: control, admin_socket: '/run/own.sock' };
    expect(placesOfDaemon('/x.yaml', own, installed).admin_socket).toBe('/run/own.sock');
  });

  it('include those of other callers next to control_socket', () => {
    const at = (control: string) =>
      socketsOf(placesOfDaemon('/x.yaml', { control_socket: control, admin_socket: '/own' }, installed));
    const control = '/run/sallyport/control.sock';
    const [operate, look, submit, metrics] = ['operate', 'look', 'submit', 'metrics'].map(
      (name) => `/run/sallyport/${name}.sock`,
    );
    expect(at(control)).toEqual({ control, operate, look, submit, metrics, admin: '/own' });
    expect(at('/run/a.sock')).toMatchObject({ operate: '/run/a-operate.sock', look: '/run/a-look.sock' });
  });
});
