// A member of the group requests the hook for a file of their own, over the real sockets.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeJar, sha256 } from '#test/support/jars.ts';
import { OtherUsers } from '#test/support/other-users.ts';
import { describeWith } from '#test/support/real-parts.ts';

describeWith(['root and setpriv'], 'a member of the group', () => {
  let users: OtherUsers;
  const ran = () => join(users.dir, 'service', 'hook-ran');

  beforeAll(async () => {
    users = OtherUsers.make();
    const hook = { command: '/usr/bin/touch', arguments: [ran()] };
    users.configure({ updates: { on_published: hook, hook_trust: 'tls' } });
    await users.start();
  }, 120_000);
  afterAll(() => users.close());

  /** A package with its sidecar under the member's own name for it. */
  function plant(id: string): void {
    const jar = makeJar('evil', 500);
    const item = {
      ...{ id, package: 'p', sequence: 1, file: 'x.jar', length: jar.length, sha256: sha256(jar) },
      ...{ released: '2026-11-01T00:00:00Z', kind: 'content', requires: [], withdrawn: false, rollout_percent: 100 },
    };
    const sidecar = {
      ...{ format: 1, item, trust: 'tls', feed: 'https://x/', url: 'https://x/', via: null },
      ...{ published_at: '2026-11-01T00:00:00Z', file: { modified_ms: 1, inode: '1' } },
    };
    users.file('member/evil.json', JSON.stringify(sidecar), 'member');
    users.file('member/evil.jar', jar, 'member');
  }

  it.each(['../../member/evil', '../packages/../../member/evil', '.%2e/../member/evil'])(
    'member of the group: the hook does not run for %s, and no file changes',
    async (id) => {
      plant(decodeURIComponent(id));
      const evil = readFileSync(join(users.dir, 'member/evil.json'), 'utf8');

      const body = JSON.stringify({ id: decodeURIComponent(id) });
      for (const [user, socket, code] of [
        ['member', users.controlSocket, 'CONTROL-ADMIN'],
        ['root', users.adminSocket, 'ID-INVALID'],
      ] as const) {
        const { status, stdout } = await users.askAt(socket, user, ['POST', '/v1/updates/hook', body]);
        expect({ status, answer: JSON.parse(stdout) as unknown }).toMatchObject({
          status: 0,
          answer: { error: { code } },
        });
      }
      expect(existsSync(ran())).toBe(false);
      expect(readdirSync(join(users.dir, 'service', 'state'))).not.toContain('hooks');
      expect(readFileSync(join(users.dir, 'member/evil.json'), 'utf8')).toBe(evil);
    },
  );

  it('member of the group: the command also refuses such an ID before it sends a request', async () => {
    const { status, stderr } = await users.sallyport('member', 'updates', 'hook', '../../member/evil');
    expect({ status, stderr }).toMatchObject({ status: 64, stderr: expect.stringContaining('letters, digits, dots') });
  });

  it('gets no answer where he is not in the group', async () => {
    const { status } = await users.ask('stranger', 'POST', '/v1/updates/hook', '{"id":"u1"}');
    expect(status).not.toBe(0);
  });
});
