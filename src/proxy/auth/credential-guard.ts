// Guards every use of a credential, so that a wrong password costs one attempt and locks no account.
//
// Guarantees: a rejected secret is not sent to any proxy until it changes, not even after a restart. If it had worked
// before, it is tried again once in `retryMs` or when an admin requests it, because proxies reject correct passwords
// while their directory is down. An attempt is on disk before its first byte is sent, so a killed process does not
// repeat it. Meanwhile, other attempts with the same credential wait, at most 30 s if it worked before. If another
// attempt is rejected, a permit that was already granted ends. `credential-state.ts` stores fingerprints, never a
// secret.

import type { Account } from '#proxy/account.ts';
import { onAbort } from '#system/abort.ts';
import { type Clock, systemClock } from '#system/clock.ts';
import { type CredentialRecord, CredentialState, type ProxyRecord } from './credential-state.ts';
import { MovedSecrets, moveOf } from './moved-secrets.ts';
import type { AuthAttempt, Permit, PermitOptions } from './permit.ts';
import { type CredentialHold, checkRecord, type Refusal } from './refusal.ts';
import { type SchemeName, schemeStrength } from './schemes/scheme.ts';
import { UnclearRefusals } from './unclear-refusals.ts';

/** A secret of the configuration and the proxy it was entered for. */
export interface EnteredSecret {
  readonly secret: string;
  readonly revision: string | null;
  readonly proxyUrl: string;
}

/** For this long after a success, attempts may run concurrently; after that, one goes first, in case the password expired. */
const CONFIRMED_FOR_MS = 60_000;

/**
 * How long others wait for the verdict on a password that has worked and was not refused since. Behind a proxy that scans,
 * the first byte of a response may take half an hour.
 */
const MAX_VERDICT_WAIT_MS = 30_000;

/** For this long `auto` skips Kerberos at a proxy for which there was no ticket, because requesting one can be slow. */
const TICKETLESS_FOR_MS = 600_000;

/**
 * Maximum number of bindings at which secrets of tried settings are added; the rest is reserved for active settings.
 */
const MAX_TRIED = 128;

/** Maximum number of proxies remembered for each credential. A PAC file can name more; the oldest are dropped. */
const MAX_PLACES = 16;

const UNTRIED: Omit<CredentialRecord, 'fingerprint'> = {
  worked_at: null,
  worked_from: null,
  worked_where: [],
  rejected_at: null,
  tried_at: null,
  trying_since: null,
  interrupted: 0,
};

interface PendingAttempt {
  readonly ended: Promise<void>;
  /** Monotonic time, in milliseconds. */
  readonly sinceMs: number;
}

/** One for the whole process; it outlives a change of the configuration. */
export class CredentialGuard {
  /** Rejections that a server may have sent. */
  readonly unclear: UnclearRefusals;
  readonly #state: CredentialState;
  readonly #clock: Clock;
  /** Pending attempts that others wait for, and when each credential was last confirmed (monotonic ms). */
  readonly #pending = new Map<string, PendingAttempt>();
  readonly #confirmed = new Map<string, number>();
  /** Proxies for which there was no ticket, and since when (monotonic ms). */
  readonly #ticketless = new Map<string, number>();
  /** Credentials that an admin allowed to be tried once more. */
  readonly #allowedOnce = new Set<string>();
  readonly #moved = new MovedSecrets();
  /** The last save that a caller must wait for. */
  #pendingSave: Promise<void> = Promise.resolve();

  constructor(parts: { readonly state?: CredentialState; readonly clock?: Clock } = {}) {
    this.#state = parts.state ?? new CredentialState(null);
    this.#clock = parts.clock ?? systemClock;
    this.unclear = new UnclearRefusals(this.#state, this.#clock);
  }

  /** Requests permission to send the password of an account. Waits while another attempt with it is pending. */
  async requestPermit(account: Account, options: PermitOptions): Promise<Permit> {
    const fingerprint = this.#state.fingerprint(account.key, account.password.reveal());
    for (;;) {
      options.signal.throwIfAborted();
      const pending = this.#pending.get(fingerprint);
      const isConcurrent = this.#isConfirmed(fingerprint) || this.#remainingWaitMs(fingerprint, pending) === 0;
      if (pending === undefined || isConcurrent) {
        const record = this.#recordOfNow(fingerprint);
        const refusal = this.#allowedOnce.has(fingerprint)
          ? null
          : checkRecord(record, this.#clock.now(), options.retryMs);
        if (refusal !== null) return { kind: 'refused', refusal };
        return { kind: 'granted', attempt: this.#begin(fingerprint, isConcurrent, options) };
      }
      await this.#waitForVerdict(pending, this.#remainingWaitMs(fingerprint, pending), options.signal);
    }
  }

  /** How much longer to wait for a verdict, in milliseconds; null for as long as it takes. */
  #remainingWaitMs(fingerprint: string, pending: PendingAttempt | undefined): number | null {
    const { worked_at, rejected_at, interrupted } = this.#recordOf(fingerprint);
    if (pending === undefined || worked_at === null || rejected_at !== null || interrupted > 0) return null;
    return Math.max(0, pending.sinceMs + MAX_VERDICT_WAIT_MS - this.#clock.monotonic());
  }

  /** Waits for the verdict, for at most `waitMs`, or for the abort; leaves no listener. */
  async #waitForVerdict({ ended }: PendingAttempt, waitMs: number | null, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const stopListening = onAbort(signal, () => reject(signal.reason as Error));
    const timer = waitMs === null ? null : this.#clock.after(waitMs, resolve);
    ended.then(resolve, reject);
    try {
      await promise;
    } finally {
      stopListening();
      timer?.cancel();
    }
  }

  /** What is recorded about the rejection of this credential, for the failure of the attempt that was rejected. */
  refusalOf(account: Account, retryMs: number): Refusal | null {
    const fingerprint = this.#state.fingerprint(account.key, account.password.reveal());
    return checkRecord(this.#recordOf(fingerprint), this.#clock.now(), retryMs);
  }

  /** Whether this proxy has accepted the password of the account, and no proxy has rejected it since. */
  hasWorkedAt(account: Account, proxyUrl: string): boolean {
    const fingerprint = this.#state.fingerprint(account.key, account.password.reveal());
    return this.#recordOf(fingerprint).worked_where.includes(proxyUrl);
  }

  /**
   * Whether this proxy accepts the password of the account, and any proxy has accepted it since that moment (monotonic
   * ms).
   */
  acceptedSince(account: Account, proxyUrl: string, sinceMs: number): boolean {
    const fingerprint = this.#state.fingerprint(account.key, account.password.reveal());
    return this.hasWorkedAt(account, proxyUrl) && (this.#confirmed.get(fingerprint) ?? -1) >= sinceMs;
  }

  /**
   * Why a password would not be sent now; null when it may be sent, when its attempt is pending, or when one more try
   * was allowed.
   */
  findHold(account: Account, at: { readonly boundTo: string; readonly retryMs: number }): CredentialHold | null {
    const secret = this.#state.fingerprint(account.password.reveal());
    const binding = this.#state.bindings.get(secret);
    if (binding !== undefined && !binding.proxies.includes(at.boundTo)) {
      const isAllowedOnce = this.#allowedOnce.has(moveOf(secret, at.boundTo));
      return isAllowedOnce ? null : { why: 'bound', bound: binding.proxies, refusal: null };
    }
    const fingerprint = this.#state.fingerprint(account.key, account.password.reveal());
    if (this.#pending.has(fingerprint) || this.#allowedOnce.has(fingerprint)) return null;
    const refusal = this.refusalOf(account, at.retryMs);
    return refusal === null ? null : { why: refusal.why, bound: [], refusal };
  }

  /**
   * Called for an admin: every credential that is held now may be tried once more, or only the password of one account
   * for its proxy. A later move to another proxy is not allowed in advance. Without `mayMove`, bindings are kept.
   */
  retryCredentials(
    only: { readonly account: Account; readonly boundTo: string } | null = null,
    { mayMove }: { readonly mayMove: boolean } = { mayMove: true },
  ): void {
    const secret = only === null ? '' : only.account.password.reveal();
    const one = only === null ? null : this.#state.fingerprint(only.account.key, secret);
    for (const [fingerprint, record] of this.#state.credentials) {
      if (one !== null && fingerprint !== one) continue;
      if (record.rejected_at !== null || record.trying_since !== null) this.#allowedOnce.add(fingerprint);
    }
    if (!mayMove) return;
    const move = only === null ? null : moveOf(this.#state.fingerprint(secret), only.boundTo);
    for (const moved of this.#moved.all) {
      if (move === null || moved === move) this.#allowedOnce.add(moved);
    }
    this.unclear.clear();
  }

  /**
   * Resolves once everything that decides about later attempts is on disk, as far as the disk accepts it: rejections,
   * the end of a recorded attempt, and the strongest scheme that worked.
   */
  settled(): Promise<void> {
    return this.#pendingSave;
  }

  /** Resolves once everything is on disk, as far as the disk accepts it. */
  async flush(): Promise<void> {
    await this.#state.save().catch(() => undefined);
  }

  /** What a proxy offered last and which scheme worked there. */
  remembered(proxyUrl: string): ProxyRecord | null {
    return this.#state.proxies.get(proxyUrl) ?? null;
  }

  rememberOffers(proxyUrl: string, offers: readonly string[]): void {
    const before = this.remembered(proxyUrl);
    if (before !== null && before.offers.join() === offers.join()) return;
    this.#state.put(this.#state.proxies, proxyUrl, {
      proxy: proxyUrl,
      offers: [...offers],
      worked: before?.worked ?? null,
    });
    this.#saveQuietly();
  }

  /** The strongest scheme is kept, because it is expected there from then on. */
  rememberWorked(proxyUrl: string, scheme: SchemeName): void {
    const before = this.remembered(proxyUrl);
    if (before?.worked != null && schemeStrength(before.worked) >= schemeStrength(scheme)) return;
    this.#state.put(this.#state.proxies, proxyUrl, { proxy: proxyUrl, offers: before?.offers ?? [], worked: scheme });
    this.#pendingSave = this.flush();
  }

  /** There was no Kerberos ticket for this proxy, or it could not be used. */
  rememberTicketless(proxyUrl: string): void {
    this.#ticketless.set(proxyUrl, this.#clock.monotonic());
  }

  isTicketless(proxyUrl: string): boolean {
    const since = this.#ticketless.get(proxyUrl);
    return since !== undefined && this.#clock.monotonic() - since < TICKETLESS_FOR_MS;
  }

  /**
   * Binds secrets to the proxies that they were entered for. A secret that is new, or was entered again, is bound to all
   * proxies that have it now; any other keeps its binding. Settings that are only tried remove no binding: a known secret
   * that was entered for them is bound to their proxies in addition.
   */
  bindSecrets(enteredSecrets: readonly EnteredSecret[], isTried = false): void {
    const bySecret = Map.groupBy(enteredSecrets, ({ secret }) => this.#state.fingerprint(secret));
    for (const [fingerprint, uses] of bySecret) {
      const known = this.#state.bindings.get(fingerprint);
      const revision = uses[0]?.revision ?? null;
      const proxies = [...new Set(uses.map(({ proxyUrl }) => proxyUrl))];
      if (!isTried) this.#moved.activate(fingerprint, { revision, proxies });
      if (known !== undefined && (revision === null || revision === known.revision)) {
        this.#moved.note(
          fingerprint,
          proxies.filter((proxyUrl) => !known.proxies.includes(proxyUrl)),
        );
        continue;
      }
      // Tried settings can contain anything, so they displace no binding that withholds a secret.
      if (isTried && known === undefined && this.#state.bindings.size >= MAX_TRIED) continue;
      const binding =
        isTried && known !== undefined
          ? { ...known, proxies: [...new Set([...known.proxies, ...proxies])] }
          : { fingerprint, revision, proxies };
      this.#state.put(this.#state.bindings, fingerprint, binding);
    }
  }

  /** The other proxies that a secret was entered for; null if it may be sent to this one. */
  boundElsewhere(secret: string, proxyUrl: string): readonly string[] | null {
    const fingerprint = this.#state.fingerprint(secret);
    const binding = this.#state.bindings.get(fingerprint);
    if (binding === undefined || binding.proxies.includes(proxyUrl)) return null;
    if (!this.#allowedOnce.delete(moveOf(fingerprint, proxyUrl))) return binding.proxies;
    this.#moved.delete(fingerprint, proxyUrl);
    this.#state.put(this.#state.bindings, fingerprint, { ...binding, proxies: [...binding.proxies, proxyUrl] });
    return null;
  }

  /** Begins an attempt: concurrently with others, or alone, so that others wait for it. */
  #begin(fingerprint: string, isConcurrent: boolean, { retryMs, proxyUrl }: PermitOptions): AuthAttempt {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (!isConcurrent) this.#pending.set(fingerprint, { ended: promise, sinceMs: this.#clock.monotonic() });
    let verdict: keyof Pick<AuthAttempt, 'accepted' | 'rejected' | 'unknown'> | null = null;
    let written = false;
    const settle = (
      now: NonNullable<typeof verdict>,
      change: (record: CredentialRecord) => Partial<CredentialRecord> | null,
    ) => {
      // A later request of the same connection may be rejected after an earlier one was accepted.
      if (verdict !== null && !(verdict === 'accepted' && now === 'rejected')) return;
      verdict = now;
      const record = this.#recordOf(fingerprint);
      const changed = change(record);
      if (changed !== null || written) {
        this.#put({ ...record, ...changed, trying_since: null });
        // If a password worked again, only the time on disk changes, and no caller waits for that.
        if (written || changed?.rejected_at != null) this.#pendingSave = this.flush();
        else this.#saveQuietly();
      }
      if (this.#pending.get(fingerprint)?.ended === promise) this.#pending.delete(fingerprint);
      resolve();
    };
    const started = this.#recordOf(fingerprint);
    const refusedMeanwhile = (): Refusal | null => {
      const record = this.#recordOf(fingerprint);
      if (record.rejected_at === started.rejected_at && record.tried_at === started.tried_at) return null;
      return this.#allowedOnce.has(fingerprint) ? null : checkRecord(record, this.#clock.now(), retryMs);
    };
    return {
      refusedMeanwhile,
      sending: async () => {
        const refusal = refusedMeanwhile();
        if (refusal !== null) return refusal;
        const record = this.#recordOf(fingerprint);
        // The extra try that an admin allowed is used up now.
        this.#allowedOnce.delete(fingerprint);
        if (!isConcurrent && !written) {
          written = true;
          const interrupted = record.trying_since === null ? 0 : record.interrupted + 1;
          this.#put({ ...record, trying_since: this.#clock.now(), interrupted });
        }
        if (!this.#state.isDirty) return null;
        await this.#state.save().catch((error: unknown) => {
          // A full disk prevents the first try of a password, but not the use of one that is known to be right.
          if (record.worked_at === null || record.rejected_at !== null) throw error;
        });
        return refusedMeanwhile();
      },
      accepted: () =>
        settle('accepted', (record) => {
          // A rejection stays, even if an older attempt ends later.
          if (record.rejected_at !== started.rejected_at) return null;
          return this.#worked(fingerprint, record, proxyUrl);
        }),
      rejected: () =>
        settle('rejected', (record) => {
          this.#confirmed.delete(fingerprint);
          const now = this.#clock.now();
          return { rejected_at: record.rejected_at ?? now, tried_at: now, worked_where: [] };
        }),
      unknown: () =>
        settle('unknown', (record) => {
          // A retry of a rejected credential that got no response counts as a try.
          return written && record.rejected_at !== null ? { tried_at: record.trying_since } : null;
        }),
    };
  }

  #worked(fingerprint: string, record: CredentialRecord, proxyUrl: string): Partial<CredentialRecord> {
    this.#confirmed.set(fingerprint, this.#clock.monotonic());
    this.#allowedOnce.delete(fingerprint);
    const now = this.#clock.now();
    const workedFrom = record.rejected_at === null ? (record.worked_from ?? now) : now;
    const worked_where = [...record.worked_where.filter((place) => place !== proxyUrl), proxyUrl].slice(-MAX_PLACES);
    return { worked_at: now, worked_from: workedFrom, worked_where, rejected_at: null, tried_at: null, interrupted: 0 };
  }

  #isConfirmed(fingerprint: string): boolean {
    const at = this.#confirmed.get(fingerprint);
    return at !== undefined && this.#clock.monotonic() - at < CONFIRMED_FOR_MS;
  }

  #recordOf(fingerprint: string): CredentialRecord {
    return this.#state.credentials.get(fingerprint) ?? { fingerprint, ...UNTRIED };
  }

  /** If the clock was set back, the wait must not become longer. */
  #recordOfNow(fingerprint: string): CredentialRecord {
    const record = this.#recordOf(fingerprint);
    const now = this.#clock.now();
    const past = (moment: number | null) => (moment === null ? null : Math.min(moment, now));
    if (Math.max(record.tried_at ?? 0, record.trying_since ?? 0) <= now) return record;
    const moved = { ...record, tried_at: past(record.tried_at), trying_since: past(record.trying_since) };
    this.#put(moved);
    return moved;
  }

  #put(record: CredentialRecord): void {
    this.#state.put(this.#state.credentials, record.fingerprint, record);
  }

  /**
   * Saves without waiting: what a verdict adds is worth one try. A failed save is safe, because the recorded attempt
   * stays refused until a save succeeds.
   */
  #saveQuietly(): void {
    if (this.#state.isDirty) this.#state.save().catch(() => undefined);
  }
}
