import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Account } from '#proxy/account.ts';
import type { Attempt } from '#proxy/auth/attempt.ts';
import { Ledger } from '#proxy/auth/ledger.ts';
import { LedgerState } from '#proxy/auth/ledger-state.ts';
import { Secret } from '#redaction/secret.ts';
import { realFiles } from '#system/real-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const HOUR = 3_600_000;
const never = new AbortController().signal;
const options = { proxyUrl: 'http://proxy:3128', retryMs: 6 * HOUR, signal: never };

function account(password: string, key = 'corp\\svc'): Account {
  return { user: 'svc', domain: 'CORP', shown: 'CORP\\svc', key, password: new Secret(password) };
}

async function attempt(ledger: Ledger, password: string, given = options): Promise<Attempt | null> {
  const admission = await ledger.admit(account(password), given);
  return admission.kind === 'admitted' ? admission.attempt : null;
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

describe('the ledger of credentials', () => {
  it('does not let a rejected password go anywhere again until it changes', async () => {
    const ledger = new Ledger();
    (await attempt(ledger, 'old'))?.rejected();

    expect(await attempt(ledger, 'old')).toBeNull();
    expect(await attempt(ledger, 'new')).not.toBeNull();
    const other = await ledger.admit(account('old', 'corp\\other'), options);
    expect(other.kind).toBe('admitted');
  });

  it('tells which password waits and why, and asks for nothing by that', async () => {
    const ledger = new Ledger();
    const at = { boundTo: 'http://proxy:3128', retryMs: 6 * HOUR };
    expect(ledger.waits(account('x'), at)).toBeNull();
    const first = await attempt(ledger, 'x');
    await first?.sending();
    // It is just under way: nobody has to do anything.
    expect(ledger.waits(account('x'), at)).toBeNull();
    first?.rejected();
    expect(ledger.waits(account('x'), at)).toMatchObject({ why: 'rejected', refusal: { workedUntilMs: null } });

    ledger.introduce([{ secret: 'y', revision: null, proxyUrl: 'http://old:3128' }]);
    ledger.introduce([{ secret: 'y', revision: null, proxyUrl: at.boundTo }]);
    expect(ledger.waits(account('y'), at)).toEqual({ why: 'bound', bound: ['http://old:3128'], refusal: null });
    expect(ledger.boundElsewhere('y', at.boundTo)).toEqual(['http://old:3128']);

    ledger.retryCredentials();
    expect([ledger.waits(account('x'), at), ledger.waits(account('y'), at)]).toEqual([null, null]);
    expect(await attempt(ledger, 'x')).not.toBeNull();
  });

  it('lets one attempt out, and the others wait for its verdict', async () => {
    const ledger = new Ledger();
    const first = await attempt(ledger, 'x');
    const others = [1, 2, 3].map(() => attempt(ledger, 'x'));
    expect(await settled(Promise.race(others))).toBe(false);

    first?.rejected();

    expect(await Promise.all(others)).toEqual([null, null, null]);
  });

  it('lets all go side by side once it has worked, and one alone a minute later', async () => {
    const clock = new FakeClock();
    const ledger = new Ledger({ clock });
    (await attempt(ledger, 'x'))?.accepted();
    const both = await Promise.all([1, 2].map(() => attempt(ledger, 'x')));
    expect(both.every((one) => one !== null)).toBe(true);

    clock.advance(60_000);
    const first = await attempt(ledger, 'x');
    const second = attempt(ledger, 'x');
    expect(await settled(second)).toBe(false);
    first?.rejected();
    expect(await second).toBeNull();
  });

  it('lets one go beside another that has had no verdict for half a minute, with a password that works', async () => {
    const clock = new FakeClock();
    const ledger = new Ledger({ clock });
    (await attempt(ledger, 'x'))?.accepted();
    clock.advance(60_000);
    const slow = await attempt(ledger, 'x');
    const others = [1, 2].map(() => attempt(ledger, 'x'));
    expect(await settled(Promise.race(others))).toBe(false);
    clock.advance(29_999);
    expect(await settled(Promise.race(others))).toBe(false);
    clock.advance(1);
    expect((await Promise.all(others)).every((one) => one !== null)).toBe(true);
    expect(clock.pending).toBe(0);
    // One that never worked is waited for as long as it takes.
    const first = await attempt(ledger, 'new');
    const second = attempt(ledger, 'new');
    clock.advance(3_600_000);
    expect(await settled(second)).toBe(false);
    slow?.accepted();
    first?.rejected();
    expect(await second).toBeNull();
  });

  it('lets the next one try when the first never learnt anything', async () => {
    const ledger = new Ledger();
    const first = await attempt(ledger, 'x');
    const second = attempt(ledger, 'x');
    const third = attempt(ledger, 'x');

    first?.unknown();

    expect(await second).not.toBeNull();
    expect(await settled(third)).toBe(false);
    (await second)?.accepted();
    expect(await third).not.toBeNull();
  });

  it('counts the first verdict of an attempt, and a rejection outlives a late success', async () => {
    const ledger = new Ledger();
    (await attempt(ledger, 'x'))?.accepted();
    const slow = await attempt(ledger, 'x');
    const quick = await attempt(ledger, 'x');
    quick?.rejected();
    quick?.accepted();
    slow?.accepted();

    expect(await attempt(ledger, 'x')).toBeNull();
  });

  it('ends a wait with the abort, at once', async () => {
    const ledger = new Ledger();
    await attempt(ledger, 'x');
    const controller = new AbortController();
    const waiting = attempt(ledger, 'x', { ...options, signal: controller.signal });
    controller.abort(new Error('stop'));

    await expect(waiting).rejects.toThrow('stop');
  });
});

describe('a rejected password that had worked', () => {
  async function rejectedAfterWork(clock: FakeClock): Promise<Ledger> {
    const ledger = new Ledger({ clock });
    (await attempt(ledger, 'x'))?.accepted();
    clock.advance(92 * 24 * HOUR);
    (await attempt(ledger, 'x'))?.accepted();
    clock.advance(HOUR);
    (await attempt(ledger, 'x'))?.rejected();
    return ledger;
  }

  it('is tried again once in so many hours, and works by itself when the directory is back', async () => {
    const clock = new FakeClock();
    const ledger = await rejectedAfterWork(clock);
    const since = clock.now();
    clock.advance(6 * HOUR - 1);
    expect(await attempt(ledger, 'x')).toBeNull();
    clock.advance(1);
    (await attempt(ledger, 'x'))?.rejected();
    expect(await attempt(ledger, 'x')).toBeNull();
    expect(ledger.refusalOf(account('x'), 6 * HOUR)).toEqual({
      why: 'rejected',
      sinceMs: since,
      workedFromMs: since - HOUR - 92 * 24 * HOUR,
      workedUntilMs: since - HOUR,
      retryAtMs: clock.now() + 6 * HOUR,
    });
    clock.advance(6 * HOUR);
    (await attempt(ledger, 'x'))?.accepted();
    expect(await attempt(ledger, 'x')).not.toBeNull();
  });

  it('is never tried again with 0 hours', async () => {
    const clock = new FakeClock();
    const ledger = await rejectedAfterWork(clock);
    clock.advance(10_000 * HOUR);
    expect(await attempt(ledger, 'x', { ...options, retryMs: 0 })).toBeNull();
  });

  it('waits no longer for a clock that was set back', async () => {
    const clock = new FakeClock();
    const ledger = await rejectedAfterWork(clock);
    clock.stepWall(-1_000 * HOUR);
    expect(await attempt(ledger, 'x')).toBeNull();
    clock.advance(6 * HOUR);
    expect(await attempt(ledger, 'x')).not.toBeNull();
  });
});

describe('an admin', () => {
  it('may have each refused password tried once more', async () => {
    const ledger = new Ledger();
    (await attempt(ledger, 'x'))?.rejected();
    ledger.retryCredentials();
    const again = await attempt(ledger, 'x');
    await again?.sending();
    again?.rejected();
    expect(again).not.toBeNull();
    expect(await attempt(ledger, 'x')).toBeNull();
  });
});

describe('where a secret may be shown', () => {
  const [corp, other] = ['http://corp:3128', 'http://other:3128'];
  const at = (proxyUrl: string, revision: string | null = null) => ({ secret: 'x', revision, proxyUrl });

  it('is where it was entered for, and stays so when the address changes', () => {
    const ledger = new Ledger();
    ledger.introduce([at(corp)]);
    ledger.introduce([at(other)]);
    expect(ledger.boundElsewhere('x', corp)).toBeNull();
    expect(ledger.boundElsewhere('x', other)).toEqual([corp]);
  });

  it('are all proxies that have it when it is first seen', () => {
    const ledger = new Ledger();
    ledger.introduce([at(corp), at(other)]);
    expect(ledger.boundElsewhere('x', other)).toBeNull();
  });

  it('stays where it was however many others are tried', () => {
    const ledger = new Ledger();
    ledger.introduce([at(corp)]);
    for (let tried = 0; tried < 600; tried += 1) {
      ledger.introduce([{ secret: `tried ${tried}`, revision: null, proxyUrl: 'http://tried:3128' }], true);
    }
    expect(ledger.boundElsewhere(at(corp).secret, other)).toEqual([corp]);
  });

  it('stays where the settings in force have it while others are tried with it, which may show it, too', () => {
    const ledger = new Ledger();
    ledger.introduce([at(corp, '1')]);
    ledger.introduce([at(other, 'typed')], true);
    expect([corp, other].map((url) => ledger.boundElsewhere('x', url))).toEqual([null, null]);
    // What is then written counts as ever.
    ledger.introduce([at(other, '2')]);
    expect(ledger.boundElsewhere('x', corp)).toEqual([other]);
  });

  it('changes when its file is written anew, when it has a new value, or when an admin says so', () => {
    const ledger = new Ledger();
    ledger.introduce([at(corp, '1')]);
    ledger.introduce([at(other, '1')]);
    expect(ledger.boundElsewhere('x', other)).toEqual([corp]);
    ledger.introduce([at(other, '2')]);
    expect(ledger.boundElsewhere('x', other)).toBeNull();
    expect(ledger.boundElsewhere('x', corp)).toEqual([other]);
    ledger.introduce([at(corp, '2')]);
    ledger.retryCredentials();
    expect(ledger.boundElsewhere('x', corp)).toBeNull();
    expect(ledger.boundElsewhere('x', corp)).toBeNull();
    ledger.introduce([{ ...at(other), secret: 'y' }]);
    expect(ledger.boundElsewhere('y', other)).toBeNull();
  });
});

describe('an admin who lets a secret go to its new proxy', () => {
  const [corp, other] = ['http://corp:3128', 'http://other:3128'];
  const moved = (secret: string, proxyUrl: string) => ({ secret, revision: null, proxyUrl });

  it('has not allowed any move that comes later', () => {
    const ledger = new Ledger();
    ledger.introduce([moved('x', corp)]);
    ledger.retryCredentials();
    ledger.introduce([moved('x', other)]);
    expect(ledger.waits(account('x'), { boundTo: other, retryMs: 0 })).toMatchObject({ why: 'bound' });
    expect(ledger.boundElsewhere('x', other)).toEqual([corp]);
  });

  it('has not allowed a place that the settings have left again', () => {
    const ledger = new Ledger();
    for (const place of [corp, other, corp]) ledger.introduce([moved('x', place)]);
    ledger.retryCredentials();
    ledger.introduce([moved('x', other)]);
    expect(ledger.boundElsewhere('x', other)).toEqual([corp]);
  });

  it('may name one profile: what waits of another one stays', async () => {
    const ledger = new Ledger();
    for (const place of [corp, other]) ledger.introduce([moved('x', place), moved('y', place)]);
    (await attempt(ledger, 'x'))?.rejected();
    (await attempt(ledger, 'y'))?.rejected();
    ledger.retryCredentials({ account: account('y'), boundTo: other });
    expect(ledger.boundElsewhere('y', other)).toBeNull();
    expect(await attempt(ledger, 'y')).not.toBeNull();
    expect(ledger.boundElsewhere('x', other)).toEqual([corp]);
    expect(await attempt(ledger, 'x')).toBeNull();
  });
});

describe('on disk', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-ledger-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function started(clock = new FakeClock()): Promise<{ ledger: Ledger; state: LedgerState }> {
    const state = new LedgerState({ files: realFiles, path: join(folder, 'credentials.json') });
    expect(await state.load()).toBeNull();
    return { ledger: new Ledger({ state, clock }), state };
  }

  it('a rejection, what worked, and where secrets belong survive a restart; no secret is in the file', async () => {
    const { ledger, state } = await started();
    ledger.introduce([{ secret: 'hunter2-hunter2', revision: null, proxyUrl: 'http://corp:1' }]);
    const first = await attempt(ledger, 'hunter2-hunter2');
    await first?.sending();
    first?.rejected();
    ledger.rememberWorked('http://corp:1', 'NTLM');
    ledger.rememberWorked('http://corp:1', 'Basic');
    await state.save();

    const { ledger: again } = await started();
    expect(await attempt(again, 'hunter2-hunter2')).toBeNull();
    expect(again.remembered('http://corp:1')?.worked).toBe('NTLM');
    expect(again.boundElsewhere('hunter2-hunter2', 'http://other:1')).toEqual(['http://corp:1']);
    expect(await readFile(join(folder, 'credentials.json'), 'utf8')).not.toContain('hunter2');
  });

  it('an attempt stands before its first byte: five killed processes send it once', async () => {
    const { ledger } = await started();
    await (await attempt(ledger, 'x'))?.sending();
    for (let restart = 0; restart < 5; restart += 1) {
      const { ledger: again } = await started();
      expect(await attempt(again, 'x')).toBeNull();
      expect(again.refusalOf(account('x'), 6 * HOUR)?.why).toBe('interrupted');
    }
  });

  it('one that had worked may be cut off once, not twice', async () => {
    const { ledger, state } = await started();
    const good = await attempt(ledger, 'x');
    await good?.sending();
    good?.accepted();
    await state.save();
    for (const admitted of [true, true, false]) {
      const { ledger: again } = await started();
      const next = await attempt(again, 'x');
      expect(next !== null).toBe(admitted);
      await next?.sending();
    }
  });

  it('stands what decides about later attempts once it is settled, whoever is killed then', async () => {
    const { ledger } = await started();
    const first = await attempt(ledger, 'hunter2-hunter2');
    await first?.sending();
    first?.accepted();
    ledger.rememberWorked('http://corp:1', 'NTLM');
    await ledger.settled();
    const { ledger: killed } = await started();
    expect(killed.remembered('http://corp:1')).toMatchObject({ worked: 'NTLM' });
    expect(killed.waits(account('hunter2-hunter2'), { boundTo: 'http://corp:1', retryMs: 0 })).toBeNull();
    expect(await attempt(killed, 'hunter2-hunter2')).not.toBeNull();
  });

  it('a first attempt is not made where it cannot be written down', async () => {
    const { ledger } = await started();
    const first = await attempt(ledger, 'x');
    await rm(folder, { recursive: true });
    await expect(first?.sending()).rejects.toMatchObject({ code: 'FILE-FAILED' });
  });
});
