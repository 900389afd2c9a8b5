// The state of the service, and other users of the machine: root while the service is stopped, a member of its group, and
// folders that another user owns or may write.

import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { OtherUsers, USERS, type User } from '#test/support/other-users.ts';
import { describeWith } from '#test/support/real-parts.ts';

const PROXY = { name: 'corp', scheme: 'http', address: '127.0.0.1', port: 9, default: true };

const COMPOSING = [
  'status',
  'check',
  'diagnose',
  'proxy test corp',
  'proxy confirm',
  'timeout explain 48MB',
  'updates list',
  'updates verify',
  'updates hook u1',
  'route show',
  'run --once',
];

describeWith(['root and setpriv'], 'the state of the service', () => {
  let users: OtherUsers;
  const at = (name: string) => join(users.dir, 'service', name);

  beforeAll(() => {
    users = OtherUsers.make();
    users.configure({ proxies: [PROXY], retry: { attempts: 1 } });
  }, 120_000);
  afterAll(() => users.close());
  beforeEach(() => {
    rmSync(join(users.dir, 'service'), { recursive: true, force: true });
    users.folder('service', 'service', 0o711);
    users.folder('service/state', 'service', 0o700);
    users.folder('service/state/spool', 'service', 0o700);
    users.folder('service/state/outbox', 'service', 0o700);
    users.folder('service/state/outbox/receipt', 'service', 0o700);
  });

  /** Everything below the service's folder that is not the service's. */
  const foreign = async () => {
    const { stdout } = await users.run('root', ['find', at('.'), '!', '-uid', String(USERS.service.uid)]);
    return stdout.trim();
  };
  const codeOf = ({ stdout, stderr }: { stdout: string; stderr: string }) => /\[([A-Z-]+)\]/.exec(stderr + stdout)?.[1];

  it.each(COMPOSING)('root is refused by `%s`, and leaves nothing of its own', async (command) => {
    const ran = await users.sallyport('root', ...command.split(' '));

    expect({ status: ran.status, code: codeOf(ran) }).toEqual({ status: 19, code: 'STATE-OF-OTHERS' });
    expect(ran.stderr + ran.stdout).toContain(`sudo -u '#${USERS.service.uid}' sallyport`);
    expect(await foreign()).toBe('');
  });

  it('state of the service: root is refused before the first start and creates nothing', async () => {
    rmSync(at('state'), { recursive: true });
    const ran = await users.sallyportProcess('root', 'status');

    expect({ status: ran.status, code: codeOf(ran) }).toEqual({ status: 19, code: 'STATE-OF-OTHERS' });
    expect(existsSync(at('state'))).toBe(false);
  });

  it('a member of the group is refused with the same advice', async () => {
    const ran = await users.sallyportProcess('member', 'check');
    expect({ status: ran.status, code: codeOf(ran) }).toEqual({ status: 19, code: 'STATE-OF-OTHERS' });
  });

  it.each(['there', 'not there'])(
    'state of the service: a profile date that root writes belongs to the service (%s)',
    async (is) => {
      if (is === 'not there') rmSync(at('state'), { recursive: true });
      const flags = ['--scheme', 'http', '--address', '127.0.0.1', '--port', '9'];
      const ran = await users.sallyport('root', 'proxy', 'add', 'other', ...flags);
      users.configure({ proxies: [PROXY], retry: { attempts: 1 } });

      expect(ran.status).toBe(0);
      expect(existsSync(at('state/profiles.json'))).toBe(true);
      expect(await foreign()).toBe('');
    },
  );

  it.each(['credentials.json', 'updates.json', 'spool/settled.log', 'outbox/receipt/settled.log', 'outcomes.json'])(
    'state of the service: a %s of root stays, and the failure says how to fix it',
    async (name) => {
      const content = name.endsWith('.log') ? '{"format":1}\n' : '{"format":1,"kept":"as it is"}';
      users.file(join('service/state', name), content, 'root', 0o600);
      const ran = await users.sallyport('service', 'status');

      expect({ status: ran.status, code: codeOf(ran) }).toEqual({ status: 19, code: 'STATE-UNREADABLE' });
      expect(ran.stderr).toContain(`chown ${USERS.service.uid} ${at(join('state', name))}`);
      expect(readFileSync(at(join('state', name)), 'utf8')).toBe(content);
      expect(existsSync(at(`state/${name}.damaged`))).toBe(false);
    },
  );

  it('a lock that root left there is named', async () => {
    users.file('service/state/lock', '', 'root', 0o600);
    const ran = await users.sallyportProcess('service', 'status');
    expect({ status: ran.status, code: codeOf(ran) }).toEqual({ status: 19, code: 'FILE-FOREIGN' });
  });

  it.each([
    ['state', 0o770, 'service', 'chmod 0750'],
    ['state/spool', 0o700, 'member', 'chown'],
    ['state/outbox', 0o770, 'service', 'chmod 0750'],
    ['state/outbox/receipt', 0o700, 'member', 'chown'],
    ['state/hooks', 0o722, 'service', 'chmod 0700'],
    ['packages', 0o1777, 'service', 'chmod 0755'],
    ['packages', 0o755, 'member', 'chown'],
    ['packages/.staging', 0o700, 'member', 'chown'],
  ] as const)(
    'state of the service: %s of mode %o and of the %s is refused with the fixing command',
    async (name, mode, owner, fix) => {
      mkdirSync(at('packages'), { recursive: true });
      chownSync(at('packages'), USERS.service.uid, USERS.service.gid);
      mkdirSync(at(name), { recursive: true });
      chmodSync(at(name), mode);
      chownSync(at(name), USERS[owner as User].uid, USERS.service.gid);
      const ran = await users.sallyport('service', 'status');

      expect({ status: ran.status, code: codeOf(ran) }).toEqual({ status: 19, code: 'FOLDER-UNSAFE' });
      expect(ran.stderr).toContain(`${at(name)} (`);
      expect(ran.stderr).toContain(`mode ${mode.toString(8).padStart(4, '0')}`);
      expect(ran.stderr).toContain(fix);
    },
  );
});
