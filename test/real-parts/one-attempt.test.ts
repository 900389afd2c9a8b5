// A wrong password costs one attempt, whatever asks and whenever the process is killed: a real process, a real disk, a real
// Squid whose log counts. And a right password that is refused for a while is not lost.

import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PURPOSES } from '#config/purposes.ts';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import type { Authentication } from '#proxy/auth/schemes/scheme.ts';
import { BatchProcess } from '#test/support/batch-process.ts';
import { builtBatch } from '#test/support/built-program.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { says, startFaultProxy } from '#test/support/fault-proxy.ts';
import { reachForAll } from '#test/support/four-purposes.ts';
import { BARE_ENVIRONMENT } from '#test/support/main-path.ts';
import { readIfThere, untilLines } from '#test/support/part.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type RunningSamba, SAMBA_USER, takeSamba } from '#test/support/samba.ts';
import { Site } from '#test/support/site.ts';
import { startSquid } from '#test/support/squid.ts';
import { reach, startTargets, type Targets } from '#test/support/targets.ts';
import { profile, testRouter } from '#test/support/test-router.ts';

/** Starts after the one that is killed. They run in this process, because all that they find is on the disk. */
const RESTARTS = 2;

function startProcess(): BatchProcess {
  return new BatchProcess([process.execPath, '--disable-sigusr1', builtBatch()], BARE_ENVIRONMENT);
}

/** The results after a start on the disk as it is. */
async function restart(file: string, urls: readonly string[]): Promise<string[]> {
  const { results, close } = await reachForAll({ file, urls });
  close();
  return results;
}

/** Two profiles of one account, and every purpose has one of them. */
function settingsFor(port: number, authentication: Authentication, feedUrl: string) {
  const { user, domain } = SAMBA_USER;
  const common = { port, authentication, user, domain, password: 'wrong' };
  return {
    updates: { feed_url: feedUrl, jitter_seconds: 0 },
    proxies: [
      { ...common, name: 'corp', address: '127.0.0.1', default: true },
      { ...common, name: 'again', address: 'localhost' },
    ],
    use_proxy_for: {
      updates: 'corp',
      support_logs: 'again',
      exposure_analytics: 'default',
      platform: 'again',
      telemetry: 'corp',
    },
  };
}

describeWith(['squid', 'samba'], 'a wrong password', () => {
  let samba: RunningSamba;
  let targets: Targets;
  beforeAll(async () => {
    [samba, targets] = await Promise.all([takeSamba(), startTargets(8)]);
  });
  afterAll(() => targets.close());

  it.concurrent.each([
    // Digest and NTLM need a challenge before the credential is sent: the first line is that.
    ['basic', ['407']],
    ['digest', ['407', '407']],
    ['ntlm', ['407', '407']],
  ] as const)(
    'wrong password: %s: it is sent once for all purposes, two profiles and a kill -9',
    async (authentication, log) => {
      const site = await Site.make();
      const hosts = targets.names;
      const { user, password } = SAMBA_USER;
      const squid = await {
        basic: () => startSquid({ auth: { user, password }, hosts }),
        digest: () => startSquid({ digest: { user, password }, hosts }),
        ntlm: () => startSquid({ ...samba.squid, hosts }),
      }[authentication]();
      const plain = targets.url('http').href;
      const secure = targets.url('https').href;
      const killed = startProcess();
      try {
        await site.configure(settingsFor(squid.port, authentication, secure));
        const refused = Array(4 * PURPOSES.length).fill('AUTH-REJECTED');
        expect(await killed.reachForAll({ file: site.config, urls: [plain, secure] })).toEqual(refused);
        await killed.close();
        for (let start = 0; start < RESTARTS; start += 1) {
          expect(await restart(site.config, [plain, secure])).toEqual(refused);
        }
        const { out, err } = await site.run(['check']);
        expect(out + err).toContain('[AUTH-REJECTED]');
        const lines = await squid.accessLog(log.length);
        expect(lines.map((line) => line.split(' ')[0])).toEqual(log);
      } finally {
        await killed.close();
        await site.remove();
        await squid.stop();
      }
    },
    60_000,
  );
});

describeWith(['squid'], 'a password whose attempt was cut off by kill -9', () => {
  it('interrupted password: two starts do not send it again after kill -9', async () => {
    const site = await Site.make();
    // Squid's user writes to a folder of its own: the daemon refuses a state folder that others can write.
    const folder = join(site.dir, 'squid');
    const [asked, helper] = [join(folder, 'asked'), join(folder, 'helper.sh')];
    await mkdir(folder);
    await chmod(folder, 0o777);
    await chmod(site.dir, 0o711);
    // Asked, it notes the line and says nothing.
    await writeFile(helper, `while read -r line; do echo "$line" >> '${asked}'; done\n`);
    const targets = await startTargets(2);
    const squid = await startSquid({ schemes: [`auth_param basic program /bin/sh ${helper}`], hosts: targets.names });
    const url = targets.url('https').href;
    const killed = startProcess();
    try {
      await site.configure(settingsFor(squid.port, 'basic', url));
      const sent = killed.reachForAll({ file: site.config, urls: [url] }).catch(() => 'killed');
      await untilLines(() => linesOf(asked), 1);
      await killed.close();
      expect(await sent).toBe('killed');
      for (let start = 0; start < RESTARTS; start += 1) {
        expect(await restart(site.config, [url])).toEqual(Array(2 * PURPOSES.length).fill('AUTH-INTERRUPTED'));
      }
      expect(linesOf(asked)).toEqual([expect.stringMatching(/wrong$/)]);
    } finally {
      await killed.close();
      await site.remove();
      await Promise.all([squid.stop(), targets.close()]);
    }
  }, 120_000);
});

function linesOf(file: string): string[] {
  return readIfThere(file).split('\n').filter(Boolean);
}

describeWith(['squid'], 'a proxy whose address was changed', () => {
  it('changed proxy address: nothing of the password is sent until it is entered again', async () => {
    const targets = await startTargets(1);
    const recording = await startFaultProxy(
      says('HTTP/1.1 407 X\r\nProxy-Authenticate: Basic realm="other"\r\nContent-Length: 0\r\n\r\n'),
    );
    const squid = await startSquid({ auth: SAMBA_USER, hosts: targets.names });
    const site = await Site.make();
    const { user, password } = SAMBA_USER;
    const at = async (port: number) => {
      const proxies = [
        { name: 'corp', address: '127.0.0.1', port, authentication: 'basic', user, password, default: true },
      ];
      await site.configure({ updates: { feed_url: targets.url('https', targets.names[0]).href }, proxies });
    };
    try {
      await at(squid.port);
      // The proxy lets the request through; the server behind it is not trusted.
      const daemon = site.start(['run']);
      await daemon.line('[TLS-');
      expect((await squid.accessLog(1)).at(-1)).toMatch(/^200 CONNECT .* nobody$/);
      await at(recording.port);
      await daemon.line('New configuration loaded');
      for (let round = 0; round < 3; round += 1) {
        const { out, err } = await site.run(['check']);
        expect(out + err).toContain('[AUTH-REBIND]');
      }
      expect(recording.heads.join('')).not.toMatch(/proxy-authorization/i);
    } finally {
      await site.remove();
      await Promise.all([squid.stop(), recording.close(), targets.close()]);
    }
  });
});

const HOUR_MS = 3_600_000;
const ASKED_EVERY_MS = HOUR_MS / 6;

describeWith(['squid', 'samba'], 'a right password, while no users are known for two hours', () => {
  let targets: Targets;
  beforeAll(async () => {
    targets = await startTargets(2);
  });
  afterAll(() => targets.close());

  it.each([
    ['basic: its file of users is empty', 'basic', 1],
    ['ntlm: its winbindd is dead', 'ntlm', 2],
  ] as const)(
    'right password: it is tried once while no users are known, then work resumes (%s)',
    async (_what, authentication, lines) => {
      const samba = authentication === 'ntlm' ? await takeSamba() : null;
      const { user, password, domain } = SAMBA_USER;
      // Squid remembers whom it let through, for a second at least.
      const extra = ['auth_param basic credentialsttl 1 second'];
      const asking = samba?.squid ?? { auth: { user, password }, extra };
      const squid = await startSquid({ ...asking, hosts: targets.names });
      const down = samba?.pause ?? (() => Promise.resolve(squid.forgetUsers()));
      const up = samba?.resume ?? (() => Promise.resolve(squid.rememberUsers()));
      let isDown = false;
      const clock = new FakeClock();
      const credentialGuard = new CredentialGuard({ clock });
      const given = { user, password, authentication, domain: authentication === 'ntlm' ? domain : '' };
      // A router of its own each time, as after a reload: what is known is in the credential guard alone.
      const ask = (known: CredentialGuard) => {
        const router = testRouter({
          proxies: [profile(squid.port, given)],
          credentialGuard: known,
          trust: targets.trust,
        });
        return reach(router, targets.url('https', targets.names[0]));
      };
      const work = async (hours: number) => {
        const results: string[] = [];
        for (const end = clock.now() + hours * HOUR_MS; clock.now() < end; clock.advance(ASKED_EVERY_MS)) {
          results.push(await ask(credentialGuard));
        }
        return results;
      };
      try {
        expect(await work(1)).toEqual(Array(6).fill('passed'));

        await down();
        isDown = true;
        while ((await ask(new CredentialGuard())) === 'passed') await delay(50);
        const before = await squid.linesSoFar();
        expect(await work(2)).toEqual(Array(12).fill('AUTH-REJECTED'));
        expect((await squid.accessLog(before + lines)).slice(before)).toEqual(
          Array(lines).fill(expect.stringMatching(/^407 /)),
        );

        await up();
        isDown = false;
        // Six hours after the refusal, of which two are over.
        expect(await work(5)).toEqual([...Array(24).fill('AUTH-REJECTED'), ...Array(6).fill('passed')]);
      } finally {
        if (isDown) await up();
        await squid.stop();
      }
    },
  );
});
