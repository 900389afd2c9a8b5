// Random attempts with random verdicts, waits, clocks, kills and admins, against the limits of an account:
// a refused secret is never sent again before it may, in any interleaving, and no request waits forever.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Account } from '#proxy/account.ts';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import { CredentialState } from '#proxy/auth/credential-state.ts';
import type { AuthAttempt } from '#proxy/auth/permit.ts';
import { Secret } from '#redaction/secret.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const HOUR = 3_600_000;
const CONFIRMED_FOR_MS = 60_000;
const PATIENCE_MS = 30_000;
const PATH = '/state/credentials.json';
/** Account and password; each request uses one of them, for any purpose, profile or scheme. */
const CREDENTIALS = ['a/x', 'a/x', 'a/x', 'a/y', 'b/x'];

type Verdict = 'accepted' | 'rejected' | 'unknown';

type Step =
  | { readonly do: 'open'; readonly credential: string }
  | { readonly do: 'send' | 'accepted' | 'rejected' | 'unknown'; readonly which: number }
  /** A whole attempt, so that long stories are met as well. */
  | { readonly do: 'whole'; readonly verdict: Verdict }
  | { readonly do: 'advance' | 'step'; readonly ms: number }
  | { readonly do: 'kill' | 'retry' };

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('open' as const), credential: fc.constantFrom(...CREDENTIALS) }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('whole' as const),
        verdict: fc.constantFrom('accepted', 'rejected', 'unknown'),
      }),
    },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('send' as const), which: fc.nat(20) }) },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constantFrom('accepted', 'accepted', 'rejected', 'rejected', 'unknown'),
        which: fc.nat(20),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('advance' as const),
        ms: fc.constantFrom(1, CONFIRMED_FOR_MS - 1, CONFIRMED_FOR_MS, HOUR, 3 * HOUR, 6 * HOUR - 1, 6 * HOUR),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('step' as const), ms: fc.integer({ min: -1e9, max: 1e7 }) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('kill', 'retry') }) },
  ) as fc.Arbitrary<Step>,
  { maxLength: 60 },
);

/** A request that has a permit. */
interface Held {
  readonly credential: string;
  readonly attempt: AuthAttempt;
  /** Whether it got its permit concurrently, because the credential had just worked. */
  readonly concurrent: boolean;
  /** When it started, by the monotonic clock. */
  readonly heldMs: number;
  /** Whether the wait was over when it got its leave, and how often the credential had been sent by then. */
  readonly waited: boolean;
  readonly sendings: number;
  /** Which of all verdicts and proofs its own was; null before. */
  sent: number | null;
}

/** What the account has been put through. */
interface Known {
  worked: boolean;
  confirmedMs: number | null;
  /** Order of the refusal in effect. */
  refused: number | null;
  /** It was sent, never worked, and we were killed before the verdict. */
  cutOff: boolean;
  forgiven: boolean;
  lastSentMs: number;
  sendings: number;
}

class Trial {
  readonly #retryMs: number;
  readonly #clock = new FakeClock();
  #files = new CrashingFiles();
  #credentialGuard = new CredentialGuard();
  #held: Held[] = [];
  #waiting = 0;
  #order = 0;
  #life = new AbortController();
  readonly #known = new Map<string, Known>(
    CREDENTIALS.map((name) => [
      name,
      { worked: false, confirmedMs: null, refused: null, cutOff: false, forgiven: false, lastSentMs: 0, sendings: 0 },
    ]),
  );

  constructor(retryMs: number) {
    this.#retryMs = retryMs;
  }

  async run(all: readonly Step[]): Promise<void> {
    await this.#files.makeDirectory('/state', 0o700);
    await this.#start();
    for (const step of all) await this.#perform(step);
    await this.#expectNobodyWaits();
  }

  async #perform(step: Step): Promise<void> {
    switch (step.do) {
      case 'open':
        return await this.#open(step.credential);
      case 'send':
        return await this.#send(step.which);
      case 'accepted':
      case 'rejected':
      case 'unknown':
        return await this.#settle(step.which, step.do);
      case 'whole':
        await this.#open('a/x');
        await this.#send(-1);
        return await this.#settle(-1, step.verdict);
      case 'advance':
        return await this.#clock.advanceAsync(step.ms);
      case 'step':
        this.#clock.stepWall(step.ms);
        for (const known of this.#known.values()) known.lastSentMs = Math.min(known.lastSentMs, this.#clock.now());
        return;
      case 'kill':
        return await this.#kill();
      case 'retry':
        this.#credentialGuard.retryCredentials();
        for (const known of this.#known.values()) known.forgiven = true;
    }
  }

  async #open(credential: string): Promise<void> {
    const [key = '', password = ''] = credential.split('/');
    const account: Account = { user: key, domain: '', shown: key, key, password: new Secret(password) };
    const { signal } = this.#life;
    this.#waiting += 1;
    void this.#credentialGuard
      .requestPermit(account, { proxyUrl: 'http://a:1', retryMs: this.#retryMs, signal })
      .then((permit) => {
        this.#waiting -= 1;
        if (permit.kind === 'refused') return;
        const known = this.#of(credential);
        const { confirmedMs, sendings } = known;
        const justWorked = confirmedMs !== null && this.#clock.monotonic() - confirmedMs < CONFIRMED_FOR_MS;
        const concurrent = justWorked || (known.worked && this.#isSlow(credential));
        const waited = this.#hasWaited(known);
        const heldMs = this.#clock.monotonic();
        this.#held.push({ credential, attempt: permit.attempt, concurrent, heldMs, waited, sendings, sent: null });
      })
      .catch(() => {
        this.#waiting -= 1;
      });
    await turn();
  }

  async #send(which: number): Promise<void> {
    const held = pickFrom(
      this.#held.filter(({ sent }) => sent === null),
      which,
    );
    if (held === undefined) return;
    const known = this.#of(held.credential);
    if ((await held.attempt.sending()) !== null) return;
    // A clock that is set back takes no leave away that was given when the wait was over.
    const waited = this.#hasWaited(known) || (held.waited && held.sendings === known.sendings);
    if (known.refused !== null) expect(known.forgiven || (known.worked && waited)).toBe(true);
    else if (known.cutOff) expect(known.forgiven || waited).toBe(true);
    if (!held.concurrent) expect(this.#pending(held.credential).filter(({ concurrent }) => !concurrent)).toEqual([]);
    this.#order += 1;
    held.sent = this.#order;
    known.forgiven = false;
    known.lastSentMs = this.#clock.now();
    known.sendings += 1;
  }

  #hasWaited({ lastSentMs }: Known): boolean {
    return this.#retryMs > 0 && this.#clock.now() - lastSentMs >= this.#retryMs;
  }

  async #settle(which: number, verdict: Verdict): Promise<void> {
    const held = pickFrom(this.#held, which);
    if (held === undefined) return;
    this.#held.splice(this.#held.indexOf(held), 1);
    const known = this.#of(held.credential);
    if (held.sent === null || verdict === 'unknown') held.attempt.unknown();
    else {
      held.attempt[verdict]();
      if (verdict === 'rejected') {
        this.#order += 1;
        known.refused = this.#order;
        known.confirmedMs = null;
      } else if (known.refused === null || held.sent > known.refused) {
        Object.assign(known, { worked: true, refused: null, cutOff: false, forgiven: false });
        known.confirmedMs = this.#clock.monotonic();
      }
      // As a session does before its result is known.
      await this.#credentialGuard.flush();
    }
    await turn();
  }

  async #kill(): Promise<void> {
    for (const { credential, sent } of this.#held) {
      const known = this.#of(credential);
      if (sent !== null && !known.worked) known.cutOff = true;
    }
    this.#life.abort(new Error('killed'));
    this.#files = this.#files.afterCrash('killed');
    await this.#start();
  }

  async #start(): Promise<void> {
    this.#held = [];
    this.#life = new AbortController();
    for (const known of this.#known.values()) Object.assign(known, { confirmedMs: null, forgiven: false });
    const state = new CredentialState({ files: this.#files, path: PATH });
    expect(await state.load()).toBeNull();
    this.#credentialGuard = new CredentialGuard({ state, clock: this.#clock });
    // The key of the fingerprints is on disk from the first start on.
    this.#credentialGuard.bindSecrets([{ secret: 'z', revision: null, proxyUrl: 'http://corp:1' }]);
    await this.#credentialGuard.flush();
    await turn();
  }

  async #expectNobodyWaits(): Promise<void> {
    for (let left = this.#held.length + this.#waiting; left > 0; left -= 1) {
      for (const { attempt } of this.#held.splice(0)) attempt.unknown();
      await turn();
    }
    expect(this.#waiting).toBe(0);
  }

  /** Whether a request with an exclusive permit has had no verdict for long. */
  #isSlow(credential: string): boolean {
    const sinceMs = this.#clock.monotonic() - PATIENCE_MS;
    return this.#held.some((one) => one.credential === credential && !one.concurrent && one.heldMs <= sinceMs);
  }

  #pending(credential: string): Held[] {
    return this.#held.filter((held) => held.credential === credential && held.sent !== null);
  }

  #of(credential: string): Known {
    return this.#known.get(credential) as Known;
  }
}

function pickFrom<T>(list: readonly T[], which: number): T | undefined {
  return list.at(which % Math.max(1, list.length));
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

it('credential guard: a clock set back between permit and request keeps the permit', async () => {
  await new Trial(6 * HOUR).run([
    { do: 'open', credential: 'a/x' },
    { do: 'send', which: 0 },
    { do: 'advance', ms: 6 * HOUR },
    { do: 'kill' },
    { do: 'open', credential: 'a/x' },
    { do: 'step', ms: -1 },
    { do: 'send', which: 0 },
  ]);
});

it.each([6 * HOUR, 0])(
  'credential guard: a refused secret is resent only when allowed, with a retry after %d ms',
  async (retryMs) => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        await new Trial(retryMs).run(all);
      }),
      { numRuns: 1_000 },
    );
  },
);
