// Tokens and headers stay with the origin that they were entered for, over edits, restarts and diagnoses, until they
// are entered again or root releases them.

import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Settings } from '#config/settings.ts';
import type { CodedError } from '#errors/coded-error.ts';
import { TokenBindings } from '#http/token-bindings.ts';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import { Secret } from '#redaction/secret.ts';
import { type Composed, composeIn } from '#test/support/composed.ts';
import { feedOf } from '#test/support/jars.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { testSettings } from '#test/support/test-settings.ts';

const NEVER = new AbortController().signal;
const TOKEN = 'a-token-of-the-service';

let dir: string;
let old: ScriptedOrigin;
let moved: ScriptedOrigin;
/** What each origin received. */
let shown: { old: string[]; moved: string[] };
let composed: Composed | null = null;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-tokens-'));
  [old, moved] = await Promise.all([startScriptedOrigin(), startScriptedOrigin()]);
  shown = { old: [], moved: [] };
  for (const [name, origin] of [['old', old] as const, ['moved', moved] as const]) {
    origin.on('/feed.json', ({ headers }, response) => {
      shown[name].push(`${String(headers.authorization)} ${String(headers['x-api-key'])}`);
      response.writeHead(200, { 'content-type': 'application/json' }).end(feedOf([]));
    });
  }
  await writeFile(join(dir, 'token'), `${TOKEN}\n`, { mode: 0o600 });
});
afterEach(async () => {
  await composed?.remove();
  composed = null;
  await Promise.all([old.close(), moved.close()]);
  await rm(dir, { recursive: true });
});

/** Restarts with this origin, and checks. `ok`, or the code. */
async function check(origin: ScriptedOrigin, secrets: object = { bearer_token: { file: 'token' } }): Promise<string> {
  await composed?.remove();
  composed = await composeIn({ updates: { feed_url: `${origin.url}/feed.json`, ...secrets } }, 'daemon', { dir });
  return await again();
}

async function again(): Promise<string> {
  const round = await composed?.agent.check(() => undefined, NEVER);
  return round?.failure?.code ?? 'ok';
}

const WITH = `Bearer ${TOKEN} undefined`;

it('token bindings: a token is not sent to another origin, even after a restart', async () => {
  expect([await check(old), await check(moved), await check(moved)]).toEqual(['ok', 'TOKEN-REBIND', 'TOKEN-REBIND']);
  expect(shown).toEqual({ old: [WITH], moved: [] });
  expect(await check(old)).toBe('ok');
});

it('token bindings: a header stays too, and the failure names its key and both origins', async () => {
  const headers = { 'X-Api-Key': 'a key in the file' };
  await check(old, { headers });
  expect(await check(moved, { headers })).toBe('TOKEN-REBIND');
  const round = await composed?.agent.check(() => undefined, NEVER);
  expect(round?.failure).toMatchObject({ class: 'auth', hop: new URL(moved.url).host });
  expect(round?.failure?.message).toMatch(/updates\.headers\.X-Api-Key was entered for .*, not for /);
  expect(shown.moved).toEqual([]);
});

it('token bindings: a token entered again, in its file or as a new value, may be sent there', async () => {
  await check(old);
  await utimes(join(dir, 'token'), 1, 1);
  expect(await check(moved)).toBe('ok');
  await check(old, { bearer_token: 'first-value' });
  expect(await check(moved, { bearer_token: 'second-value' })).toBe('ok');
  expect(shown.moved).toEqual([WITH, 'Bearer second-value undefined']);
});

it('token bindings: an admin can release a token to the new origin; the group cannot', async () => {
  await check(old);
  await check(moved);
  await composed?.agent.retryCredentials(null, 'operate');
  expect(await again()).toBe('TOKEN-REBIND');
  await composed?.agent.retryCredentials(null, 'admin');
  expect([await again(), await again(), await check(moved)]).toEqual(['ok', 'ok', 'ok']);
  expect(shown.moved).toEqual([WITH, WITH, WITH]);
});

it('token bindings: another path of the same origin, or no token, needs nothing', async () => {
  await check(old);
  old.serve('/beta.json', feedOf([]), 'application/json');
  await composed?.remove();
  const updates = { feed_url: `${old.url}/beta.json`, bearer_token: { file: 'token' } };
  composed = await composeIn({ updates }, 'daemon', { dir });
  expect([await again(), await check(moved, {})]).toEqual(['ok', 'ok']);
});

it('token bindings: a diagnosis of unsaved settings withholds the token and says so', async () => {
  await check(old);
  const text = JSON.stringify({
    version: 2,
    updates: { feed_url: `${moved.url}/feed.json`, bearer_token: { file: 'token' } },
  });
  const request = { purposes: ['updates' as const], shell: {}, candidate: { text, typed: [] }, through: null };
  const diagnosis = await composed?.agent.diagnose(request, NEVER);
  expect(diagnosis?.purposes[0]).toMatchObject({ failure: { code: 'TOKEN-REBIND' }, credential_waits: true });
  expect(shown.moved).toEqual([]);
  expect(await again()).toBe('ok');
});

describe('token bindings: the token of another purpose', () => {
  const settings = (feed: string, support: string): Settings => {
    const { updates, support_logs: logs, ...rest } = testSettings('/x');
    const token = new Secret(TOKEN);
    return {
      ...rest,
      updates: { ...updates, feed_url: feed, bearer_token: token },
      support_logs: { ...logs, url: support, bearer_token: token },
    };
  };
  const verdicts = (bindings: TokenBindings, of: Settings) =>
    (['updates', 'support_logs'] as const).map((purpose) => {
      try {
        bindings.check(of, purpose);
        return 'ok';
      } catch (thrown) {
        return (thrown as CodedError).message;
      }
    });

  it('token bindings: a token belongs to the origin of its own URL, even if equal to another', () => {
    const bindings = new TokenBindings(new CredentialGuard());
    const first = settings('https://a.example.com/feed.json', 'https://b.example.com/');
    bindings.bindSecrets(first);
    expect(verdicts(bindings, first)).toEqual(['ok', 'ok']);

    const moved = settings('https://a.example.com/feed.json', 'https://a.example.com/');
    bindings.bindSecrets(moved);
    expect(verdicts(bindings, moved)).toEqual([
      'ok',
      expect.stringContaining('support_logs.bearer_token was entered for https://b.example.com'),
    ]);
  });
});
