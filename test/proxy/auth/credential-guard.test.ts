import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Account } from '#proxy/account.ts';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import { CredentialState } from '#proxy/auth/credential-state.ts';
import type { AuthAttempt } from '#proxy/auth/permit.ts';
import { Secret } from '#redaction/secret.ts';
import { realFiles } from '#system/real-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const HOUR = 3_600_000;
const never = new AbortController().signal;
const options = { proxyUrl: 'http://proxy:3128', retryMs: 6 * HOUR, signal: never };

function account(password: string, key = 'corp\\svc'): Account {
  return { user: 'svc', domain: 'CORP', shown: 'CORP\\svc', key, password: new Secret(password) };
}

async function attempt(
  credentialGuard: CredentialGuard,
  password: string,
  given = options,
): Promise<AuthAttempt | null> {
  const permit = await credentialGuard.requestPermit(account(password), given);
  return permit.kind === 'granted' ? permit.attempt : null;
}

/** Whether a promise has settled after everything that could happen has happened. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  promise.then(
    () => {
      done = true;
    },
    () => {
      done = true;
    },
  );
  await new Promise((resolve) => setImmediate(resolve));
  return done;
}

describe('the credential guard', () => {
  it('credential guard: a rejected password is not sent anywhere until it changes', async () => {
    const credentialGuard = new CredentialGuard();
    (await attempt(credentialGuard, 'old'))?.rejected();

    expect(await attempt(credentialGuard, 'old')).toBeNull();
    expect(await attempt(credentialGuard, 'new')).not.toBeNull();
    const other = await credentialGuard.requestPermit(account('old', 'corp\\other'), options);
    expect(other.kind).toBe('granted');
  });

  it('credential guard: reports which password waits and why, without a request', async () => {
    const credentialGuard = new CredentialGuard();
    const at = { boundTo: 'http://proxy:3128', retryMs: 6 * HOUR };
    expect(credentialGuard.findHold(account('x'), at)).toBeNull();
    const first = await attempt(credentialGuard, 'x');
    await first?.sending();
    // The attempt is still running: no person has to act.
    expect(credentialGuard.findHold(account('x'), at)).toBeNull();
    first?.rejected();
    expect(credentialGuard.findHold(account('x'), at)).toMatchObject({
      why: 'rejected',
      refusal: { workedUntilMs: null },
    });

    credentialGuard.bindSecrets([{ secret: 'y', revision: null, proxyUrl: 'http://old:3128' }]);
    credentialGuard.bindSecrets([{ secret: 'y', revision: null, proxyUrl: at.boundTo }]);
    expect(credentialGuard.findHold(account('y'), at)).toEqual({
      why: 'bound',
      bound: ['http://old:3128'],
      refusal: null,
    });
    expect(credentialGuard.boundElsewhere('y', at.boundTo)).toEqual(['http://old:3128']);

    credentialGuard.retryCredentials();
    expect([credentialGuard.findHold(account('x'), at), credentialGuard.findHold(account('y'), at)]).toEqual([
      null,
      null,
    ]);
    expect(await attempt(credentialGuard, 'x')).not.toBeNull();
  });

  it('credential guard: permits one attempt while the others wait for its verdict', async () => {
    const credentialGuard = new CredentialGuard();
    const first = await attempt(credentialGuard, 'x');
    const others = [1, 2, 3].map(() => attempt(credentialGuard, 'x'));
    expect(await settled(Promise.race(others))).toBe(false);

    first?.rejected();

    expect(await Promise.all(others)).toEqual([null, null, null]);
  });

  it('credential guard: concurrent attempts after a success, one alone a minute later', async () => {
    const clock = new FakeClock();
    const credentialGuard = new CredentialGuard({ clock });
    (await attempt(credentialGuard, 'x'))?.accepted();
    const both = await Promise.all([1, 2].map(() => attempt(credentialGuard, 'x')));
    expect(both.every((one) => one !== null)).toBe(true);

    clock.advance(60_000);
    const first = await attempt(credentialGuard, 'x');
    const second = attempt(credentialGuard, 'x');
    expect(await settled(second)).toBe(false);
    first?.rejected();
    expect(await second).toBeNull();
  });

  it('credential guard: permits a second attempt after 30 s if the password has worked', async () => {
    const clock = new FakeClock();
    const credentialGuard = new CredentialGuard({ clock });
    (await attempt(credentialGuard, 'x'))?.accepted();
    clock.advance(60_000);
    const slow = await attempt(credentialGuard, 'x');
    const others = [1, 2].map(() => attempt(credentialGuard, 'x'));
    expect(await settled(Promise.race(others))).toBe(false);
    clock.advance(29_999);
    expect(await settled(Promise.race(others))).toBe(false);
    clock.advance(1);
    expect((await Promise.all(others)).every((one) => one !== null)).toBe(true);
    expect(clock.pending).toBe(0);
    // One that never worked is waited for as long as it takes.
    const first = await attempt(credentialGuard, 'new');
    const second = attempt(credentialGuard, 'new');
    clock.advance(3_600_000);
    expect(await settled(second)).toBe(false);
    slow?.accepted();
    first?.rejected();
    expect(await second).toBeNull();
  });

  it('credential guard: permits the next attempt if the first one got no verdict', async () => {
    const credentialGuard = new CredentialGuard();
    const first = await attempt(credentialGuard, 'x');
    const second = attempt(credentialGuard, 'x');
    const third = attempt(credentialGuard, 'x');

    first?.unknown();

    expect(await second).not.toBeNull();
    expect(await settled(third)).toBe(false);
    (await second)?.accepted();
    expect(await third).not.toBeNull();
  });

  it('credential guard: the first verdict counts; a late success lifts no rejection', async () => {
    const credentialGuard = new CredentialGuard();
    (await attempt(credentialGuard, 'x'))?.accepted();
    const slow = await attempt(credentialGuard, 'x');
    const quick = await attempt(credentialGuard, 'x');
    quick?.rejected();
    quick?.accepted();
    slow?.accepted();

    expect(await attempt(credentialGuard, 'x')).toBeNull();
  });

  it('credential guard: an abort ends the wait for a permit at once', async () => {
    const credentialGuard = new CredentialGuard();
    await attempt(credentialGuard, 'x');
    const controller = new AbortController();
    const waiting = attempt(credentialGuard, 'x', { ...options, signal: controller.signal });
    controller.abort(new Error('stop'));

    await expect(waiting).rejects.toThrow('stop');
  });
});

describe('a rejected password that had worked', () => {
  async function rejectedAfterWork(clock: FakeClock): Promise<CredentialGuard> {
    const credentialGuard = new CredentialGuard({ clock });
    (await attempt(credentialGuard, 'x'))?.accepted();
    clock.advance(92 * 24 * HOUR);
    (await attempt(credentialGuard, 'x'))?.accepted();
    clock.advance(HOUR);
    (await attempt(credentialGuard, 'x'))?.rejected();
    return credentialGuard;
  }

  it('rejected password: is retried once per interval, and recovers with the directory', async () => {
    const clock = new FakeClock();
    const credentialGuard = await rejectedAfterWork(clock);
    const since = clock.now();
    clock.advance(6 * HOUR - 1);
    expect(await attempt(credentialGuard, 'x')).toBeNull();
    clock.advance(1);
    (await attempt(credentialGuard, 'x'))?.rejected();
    expect(await attempt(credentialGuard, 'x')).toBeNull();
    expect(credentialGuard.refusalOf(account('x'), 6 * HOUR)).toEqual({
      why: 'rejected',
      sinceMs: since,
      workedFromMs: since - HOUR - 92 * 24 * HOUR,
      workedUntilMs: since - HOUR,
      retryAtMs: clock.now() + 6 * HOUR,
    });
    clock.advance(6 * HOUR);
    (await attempt(credentialGuard, 'x'))?.accepted();
    expect(await attempt(credentialGuard, 'x')).not.toBeNull();
  });

  it('rejected password: is never retried if the interval is 0', async () => {
    const clock = new FakeClock();
    const credentialGuard = await rejectedAfterWork(clock);
    clock.advance(10_000 * HOUR);
    expect(await attempt(credentialGuard, 'x', { ...options, retryMs: 0 })).toBeNull();
  });

  it('rejected password: a clock that is set back does not prolong its wait', async () => {
    const clock = new FakeClock();
    const credentialGuard = await rejectedAfterWork(clock);
    clock.stepWall(-1_000 * HOUR);
    expect(await attempt(credentialGuard, 'x')).toBeNull();
    clock.advance(6 * HOUR);
    expect(await attempt(credentialGuard, 'x')).not.toBeNull();
  });
});

describe('an admin', () => {
  it('admin: can allow one more attempt with each refused password', async () => {
    const credentialGuard = new CredentialGuard();
    (await attempt(credentialGuard, 'x'))?.rejected();
    credentialGuard.retryCredentials();
    const again = await attempt(credentialGuard, 'x');
    await again?.sending();
    again?.rejected();
    expect(again).not.toBeNull();
    expect(await attempt(credentialGuard, 'x')).toBeNull();
  });
});

describe('where a secret may be shown', () => {
  const [corp, other] = ['http://corp:3128', 'http://other:3128'];
  const at = (proxyUrl: string, revision: string | null = null) => ({ secret: 'x', revision, proxyUrl });

  it('secret: belongs to the proxy it was entered for, also after the address changes', () => {
    const credentialGuard = new CredentialGuard();
    credentialGuard.bindSecrets([at(corp)]);
    credentialGuard.bindSecrets([at(other)]);
    expect(credentialGuard.boundElsewhere('x', corp)).toBeNull();
    expect(credentialGuard.boundElsewhere('x', other)).toEqual([corp]);
  });

  it('secret: belongs to all proxies that have it when it first appears', () => {
    const credentialGuard = new CredentialGuard();
    credentialGuard.bindSecrets([at(corp), at(other)]);
    expect(credentialGuard.boundElsewhere('x', other)).toBeNull();
  });

  it('secret: keeps its proxy however many others are tried', () => {
    const credentialGuard = new CredentialGuard();
    credentialGuard.bindSecrets([at(corp)]);
    for (let tried = 0; tried < 600; tried += 1) {
      credentialGuard.bindSecrets([{ secret: `tried ${tried}`, revision: null, proxyUrl: 'http://tried:3128' }], true);
    }
    expect(credentialGuard.boundElsewhere(at(corp).secret, other)).toEqual([corp]);
  });

  it('secret: a trial may use it at another proxy, and the active settings keep it', () => {
    const credentialGuard = new CredentialGuard();
    credentialGuard.bindSecrets([at(corp, '1')]);
    credentialGuard.bindSecrets([at(other, 'typed')], true);
    expect([corp, other].map((url) => credentialGuard.boundElsewhere('x', url))).toEqual([null, null]);
    // What is then written counts as ever.
    credentialGuard.bindSecrets([at(other, '2')]);
    expect(credentialGuard.boundElsewhere('x', corp)).toEqual([other]);
  });

  it('secret: moves if its file is rewritten, its value changes, or an admin allows it', () => {
    const credentialGuard = new CredentialGuard();
    credentialGuard.bindSecrets([at(corp, '1')]);
    credentialGuard.bindSecrets([at(other, '1')]);
    expect(credentialGuard.boundElsewhere('x', other)).toEqual([corp]);
    credentialGuard.bindSecrets([at(other, '2')]);
    expect(credentialGuard.boundElsewhere('x', other)).toBeNull();
    expect(credentialGuard.boundElsewhere('x', corp)).toEqual([other]);
    credentialGuard.bindSecrets([at(corp, '2')]);
    credentialGuard.retryCredentials();
    expect(credentialGuard.boundElsewhere('x', corp)).toBeNull();
    expect(credentialGuard.boundElsewhere('x', corp)).toBeNull();
    credentialGuard.bindSecrets([{ ...at(other), secret: 'y' }]);
    expect(credentialGuard.boundElsewhere('y', other)).toBeNull();
  });
});

describe('an admin who lets a secret go to its new proxy', () => {
  const [corp, other] = ['http://corp:3128', 'http://other:3128'];
  const moved = (secret: string, proxyUrl: string) => ({ secret, revision: null, proxyUrl });

  it('admin: allowing a move does not allow later ones', () => {
    const credentialGuard = new CredentialGuard();
    credentialGuard.bindSecrets([moved('x', corp)]);
    credentialGuard.retryCredentials();
    credentialGuard.bindSecrets([moved('x', other)]);
    expect(credentialGuard.findHold(account('x'), { boundTo: other, retryMs: 0 })).toMatchObject({ why: 'bound' });
    expect(credentialGuard.boundElsewhere('x', other)).toEqual([corp]);
  });

  it('admin: allowing a move does not allow a proxy that the settings left again', () => {
    const credentialGuard = new CredentialGuard();
    for (const place of [corp, other, corp]) credentialGuard.bindSecrets([moved('x', place)]);
    credentialGuard.retryCredentials();
    credentialGuard.bindSecrets([moved('x', other)]);
    expect(credentialGuard.boundElsewhere('x', other)).toEqual([corp]);
  });

  it('admin: allowing one profile leaves the others waiting', async () => {
    const credentialGuard = new CredentialGuard();
    for (const place of [corp, other]) credentialGuard.bindSecrets([moved('x', place), moved('y', place)]);
    (await attempt(credentialGuard, 'x'))?.rejected();
    (await attempt(credentialGuard, 'y'))?.rejected();
    credentialGuard.retryCredentials({ account: account('y'), boundTo: other });
    expect(credentialGuard.boundElsewhere('y', other)).toBeNull();
    expect(await attempt(credentialGuard, 'y')).not.toBeNull();
    expect(credentialGuard.boundElsewhere('x', other)).toEqual([corp]);
    expect(await attempt(credentialGuard, 'x')).toBeNull();
  });
});

describe('on disk', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-guard-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function started(
    clock = new FakeClock(),
  ): Promise<{ credentialGuard: CredentialGuard; state: CredentialState }> {
    const state = new CredentialState({ files: realFiles, path: join(folder, 'credentials.json') });
    expect(await state.load()).toBeNull();
    return { credentialGuard: new CredentialGuard({ state, clock }), state };
  }

  it('state file: rejections, successes and owners survive a restart; it holds no secret', async () => {
    const { credentialGuard, state } = await started();
    credentialGuard.bindSecrets([{ secret: 'hunter2-hunter2', revision: null, proxyUrl: 'http://corp:1' }]);
    const first = await attempt(credentialGuard, 'hunter2-hunter2');
    await first?.sending();
    first?.rejected();
    credentialGuard.rememberWorked('http://corp:1', 'NTLM');
    credentialGuard.rememberWorked('http://corp:1', 'Basic');
    await state.save();

    const { credentialGuard: again } = await started();
    expect(await attempt(again, 'hunter2-hunter2')).toBeNull();
    expect(again.remembered('http://corp:1')?.worked).toBe('NTLM');
    expect(again.boundElsewhere('hunter2-hunter2', 'http://other:1')).toEqual(['http://corp:1']);
    expect(await readFile(join(folder, 'credentials.json'), 'utf8')).not.toContain('hunter2');
  });

  it('state file: an attempt is recorded first, so five killed processes send it once', async () => {
    const { credentialGuard } = await started();
    await (await attempt(credentialGuard, 'x'))?.sending();
    for (let restart = 0; restart < 5; restart += 1) {
      const { credentialGuard: again } = await started();
      expect(await attempt(again, 'x')).toBeNull();
      expect(again.refusalOf(account('x'), 6 * HOUR)?.why).toBe('interrupted');
    }
  });

  it('state file: a password that had worked may be interrupted once, not twice', async () => {
    const { credentialGuard, state } = await started();
    const good = await attempt(credentialGuard, 'x');
    await good?.sending();
    good?.accepted();
    await state.save();
    for (const granted of [true, true, false]) {
      const { credentialGuard: again } = await started();
      const next = await attempt(again, 'x');
      expect(next !== null).toBe(granted);
      await next?.sending();
    }
  });

  it('state file: a settled verdict survives a kill', async () => {
    const { credentialGuard } = await started();
    const first = await attempt(credentialGuard, 'hunter2-hunter2');
    await first?.sending();
    first?.accepted();
    credentialGuard.rememberWorked('http://corp:1', 'NTLM');
    await credentialGuard.settled();
    const { credentialGuard: killed } = await started();
    expect(killed.remembered('http://corp:1')).toMatchObject({ worked: 'NTLM' });
    expect(killed.findHold(account('hunter2-hunter2'), { boundTo: 'http://corp:1', retryMs: 0 })).toBeNull();
    expect(await attempt(killed, 'hunter2-hunter2')).not.toBeNull();
  });

  it('state file: no first attempt if it cannot be recorded', async () => {
    const { credentialGuard } = await started();
    const first = await attempt(credentialGuard, 'x');
    await rm(folder, { recursive: true });
    await expect(first?.sending()).rejects.toMatchObject({ code: 'FILE-FAILED' });
  });
});
