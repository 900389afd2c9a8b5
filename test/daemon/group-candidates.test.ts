// Settings that a member of the group only tries must not affect other users.

import '#test/support/built-threads.ts';
import { afterEach, describe, expect, it } from 'vitest';
import type { Diagnosis } from '#control/control.ts';
import { statusSchema } from '#control/status.ts';
import { asCoded } from '#errors/coded-error.ts';
import { type Composed, composeIn } from '#test/support/composed.ts';
import { type FaultProxy, says, startFaultProxy } from '#test/support/fault-proxy.ts';

type Sections = Readonly<Record<string, unknown>>;

const closing: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of closing.splice(0).toReversed()) await one.close();
});

async function composed(...args: Parameters<typeof composeIn>): Promise<Composed> {
  const made = await composeIn(...args);
  closing.push({ close: () => made.remove() });
  return made;
}

/** A server or a proxy without any particular behavior. */
async function listening(): Promise<FaultProxy> {
  const server = await startFaultProxy(says('HTTP/1.1 404 Not Found\r\nVia: 1.1 gate\r\nContent-Length: 0\r\n\r\n'));
  closing.push(server);
  return server;
}

/** A diagnosis of these sections, or the code of their refusal. */
async function tried({ agent }: Composed, sections: Sections, more: object = {}): Promise<Diagnosis | string> {
  const candidate = { text: JSON.stringify({ version: 2, ...sections }), typed: [] };
  const request = { purposes: null, shell: {}, through: null, candidate, authority: 'operate' as const, ...more };
  return await agent.diagnose(request, AbortSignal.timeout(20_000)).catch((thrown: unknown) => asCoded(thrown).code);
}

const profile = (port: number, password: string) => ({
  ...{ name: 'corp', address: '127.0.0.1', port, default: true },
  ...{ authentication: 'basic', user: 'member', password },
});

describe('settings of a group trial', () => {
  it.each(['running', 'user 1001', 'CONTROL-OTHER-FILE'])('do not mask %s for other users', async (word) => {
    const daemon = await composed({});
    const { port } = await listening();
    const updates = { feed_url: 'http://127.0.0.1:9/feed.json' };
    await tried(daemon, { updates, proxies: [profile(port, word)] });
    await tried(daemon, { updates, proxies: [profile(port, word)], unknown_key: 1 });
    expect(daemon.parts.redactor.redact(`Said by ${word}.`)).toBe(`Said by ${word}.`);
    expect(statusSchema.safeParse(await daemon.agent.status()).error).toBeUndefined();
  });

  it('have their own secrets masked in their own answer', async () => {
    const daemon = await composed({});
    const { port, heads } = await listening();
    const updates = { feed_url: 'http://127.0.0.1:9/my-own-password.json' };
    const found = await tried(daemon, { updates, proxies: [profile(port, 'my-own-password')] });
    expect(heads.join()).toContain(Buffer.from('member:my-own-password').toString('base64'));
    expect(JSON.stringify(found)).toContain('***');
    expect(JSON.stringify(found)).not.toContain('my-own-password');
  });

  it('go direct only where the active settings may', async () => {
    const corp = { name: 'corp', address: '127.0.0.1', port: 9, default: true };
    const server = await listening();
    const updates = { feed_url: `http://127.0.0.1:${server.port}/feed.json` };
    for (const way of [{}, { proxies: [{ ...corp, no_proxy: '*' }] }, { proxies: [corp], proxy_enabled: false }]) {
      const daemon = await composed({ proxies: [corp], proxy_required: true });
      const found = await tried(daemon, { updates, proxy_required: false, ...way });
      expect(found).toMatchObject({ verdict: { finding: { code: 'POLICY-DIRECT' } } });
    }
    expect(server.connections).toBe(0);
  });

  it('use the password of a proxy variable only as active ones do', async () => {
    const server = await listening();
    const named = { name: 'corp', scheme: 'environment', default: true };
    const updates = { feed_url: 'http://127.0.0.1:9/feed.json' };
    const environment = (user: string) => ({ http_proxy: `http://${user}127.0.0.1:${server.port}` });
    const inForce = { proxies: [{ ...named, authentication: 'digest', user: 'svc', password: 'typed one' }] };
    const secret = { environment: environment('svc:of-the-service@') };
    for (const before of [{}, inForce]) {
      const daemon = await composed(before, 'daemon', secret);
      expect(await tried(daemon, { updates, proxies: [named] })).toBe('SECRET-NOT-IN-FORCE');
    }
    expect(server.heads).toEqual([]);
    expect(
      await tried(await composed({ proxies: [named] }, 'daemon', secret), { updates, proxies: [named] }),
    ).toBeTypeOf('object');
    const withoutUser = await composed({}, 'daemon', { environment: environment('') });
    expect(await tried(withoutUser, { updates, proxies: [named] })).toBeTypeOf('object');
    expect(server.heads).toHaveLength(2);
  });

  it('get a second opinion under the same rules: no foreign secret, nothing direct or unmasked', async () => {
    const { port, heads } = await listening();
    const updates = { feed_url: 'http://127.0.0.1:9/my-own-password.json' };
    const named = { name: 'corp', scheme: 'environment', default: true };
    const environment = { http_proxy: `http://svc:of-the-service@127.0.0.1:${port}` };
    const opinion = { second_opinion: true };
    const daemon = await composed({ proxy_required: true, proxies: [profile(port, 'x')] }, 'daemon', { environment });
    expect(await tried(daemon, { updates, proxies: [named] }, opinion)).toBe('SECRET-NOT-IN-FORCE');
    expect(heads).toEqual([]);
    const direct = await tried(daemon, { updates, proxy_required: false }, opinion);
    expect(direct).toMatchObject({
      purposes: [{ second_opinion: { outcome: 'not asked', proxy: null } }, {}, {}, {}, {}],
    });
    const found = await tried(daemon, { updates, proxies: [profile(port, 'my-own-password')] }, opinion);
    expect(found).toMatchObject({ purposes: [{ second_opinion: { outcome: 'same', status: 404 } }, {}, {}, {}, {}] });
    expect(JSON.stringify(found)).not.toContain('my-own-password');
    // The feed, once by each of the two.
    expect(heads).toHaveLength(2);
  });

  it('leave no observations about the paths of the service', async () => {
    const daemon = await composed({});
    const { port, heads } = await listening();
    const updates = { feed_url: 'http://127.0.0.1:9/feed.json' };
    await tried(daemon, { updates, proxies: [profile(port, 'my-own-password')] });
    expect(heads).not.toEqual([]);
    expect(daemon.parts.ports.habits.list()).toEqual([]);
  });
});
