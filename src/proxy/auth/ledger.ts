// What became of each credential, so that a wrong password costs one attempt and no account is locked.
//
// Guarantees: a secret that a proxy refused is not sent again, to any proxy, by any purpose, profile or scheme, nor after
// a restart, until it changes; one that had worked before is tried again at most once in `retryMs`, however that try ends,
// or when an admin asks for it, because proxies refuse right passwords while their directory is down. An attempt is on disk
// before its first byte, so a killed process does not try again. While an attempt is under way whose end is not foreseen,
// others wait; one that had leave already loses it when another one is refused first.
// Relies on `ledger-state.ts`; holds fingerprints, never a secret.

import { type Clock, systemClock } from '#system/clock.ts';
import type { Account } from './account.ts';
import { type CredentialRecord, LedgerState, type ProxyRecord } from './ledger-state.ts';
import { type SchemeName, strengthOf } from './scheme.ts';

/** Leave to send a credential. Exactly one verdict counts, the first; without one others would wait for ever. */
export interface Attempt {
  /**
   * Called before each byte that is made from the secret; it may go unless there is a refusal, which came meanwhile.
   * @throws CodedError DISK-FULL, FILE-*
   */
  sending(): Promise<Refusal | null>;
  /** The same, for one more request of a lane whose first has gone. */
  refusedMeanwhile(): Refusal | null;
  /** The proxy took it. */
  accepted(): void;
  /** The proxy refused it. */
  rejected(): void;
  /** The proxy never said: it was not reached, or failed for another reason. */
  unknown(): void;
}

/** Why there is no leave, with what is known of the credential; times are ms since the epoch. */
export interface Refusal {
  /** `interrupted`: nobody learnt how the last attempt ended. */
  readonly why: 'rejected' | 'interrupted';
  readonly sinceMs: number;
  readonly workedFromMs: number | null;
  readonly workedUntilMs: number | null;
  /** When it is tried again by itself; null when never. */
  readonly retryAtMs: number | null;
}

/** Why a password is kept back. */
export interface Wait {
  /** `bound`: it was entered for other proxies. */
  readonly why: Refusal['why'] | 'bound';
  /** Those proxies. */
  readonly bound: readonly string[];
  readonly refusal: Refusal | null;
}

export type Admission =
  | { readonly kind: 'admitted'; readonly attempt: Attempt }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

export interface AdmitOptions {
  /** `rejected_credential_retry_hours`; 0 means never. */
  readonly retryMs: number;
  readonly signal: AbortSignal;
}

/** A secret of the configuration and the proxy it was entered for. */
export interface Introduced {
  readonly secret: string;
  readonly revision: string | null;
  readonly proxyUrl: string;
}

/** So long after a proxy took a credential others send it side by side; later one goes first, in case it expired. */
const CONFIRMED_FOR_MS = 60_000;

/** So long `auto` does without a ticket at a proxy where there was none: asking for one can take long. */
const TICKETLESS_FOR_MS = 600_000;

const UNTRIED: Omit<CredentialRecord, 'fingerprint'> = {
  worked_at: null,
  worked_from: null,
  rejected_at: null,
  tried_at: null,
  trying_since: null,
  interrupted: 0,
};

/** One for the whole process; it outlives a change of the configuration. */
export class Ledger {
  readonly #state: LedgerState;
  readonly #clock: Clock;
  /** Attempts under way that others wait for, and when each credential was last confirmed (monotonic ms). */
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #confirmed = new Map<string, number>();
  /** Proxies for which there was no ticket, and since when (monotonic ms). */
  readonly #ticketless = new Map<string, number>();
  /** What an admin allowed once more. */
  readonly #forgiven = new Set<string>();

  constructor(parts: { readonly state?: LedgerState; readonly clock?: Clock } = {}) {
    this.#state = parts.state ?? new LedgerState(null);
    this.#clock = parts.clock ?? systemClock;
  }

  /** Asks leave to send the password of an account. Waits while another attempt with it is under way. */
  async admit(account: Account, options: AdmitOptions): Promise<Admission> {
    const fingerprint = this.#state.fingerprint(account.key, account.password.reveal());
    for (;;) {
      options.signal.throwIfAborted();
      const underWay = this.#underWay.get(fingerprint);
      const confirmed = this.#isConfirmed(fingerprint);
      if (underWay === undefined || confirmed) {
        const record = this.#recordOfNow(fingerprint);
        const refusal = this.#forgiven.has(fingerprint) ? null : judge(record, this.#clock.now(), options.retryMs);
        if (refusal !== null) return { kind: 'refused', refusal };
        return { kind: 'admitted', attempt: this.#begin(fingerprint, confirmed, options.retryMs) };
      }
      await orAborted(underWay, options.signal);
    }
  }

  /** What was said of this credential when it was refused; for the failure of the attempt that found out. */
  refusalOf(account: Account, retryMs: number): Refusal | null {
    const fingerprint = this.#state.fingerprint(account.key, account.password.reveal());
    return judge(this.#recordOf(fingerprint), this.#clock.now(), retryMs);
  }

  /** Why a password would not be sent now; null when it may, when it is just under way, or when it was allowed once more. */
  waits(account: Account, at: { readonly boundTo: string; readonly retryMs: number }): Wait | null {
    const secret = this.#state.fingerprint(account.password.reveal());
    const binding = this.#state.bindings.get(secret);
    if (binding !== undefined && !binding.proxies.includes(at.boundTo)) {
      return this.#forgiven.has(secret) ? null : { why: 'bound', bound: binding.proxies, refusal: null };
    }
    const fingerprint = this.#state.fingerprint(account.key, account.password.reveal());
    if (this.#underWay.has(fingerprint) || this.#forgiven.has(fingerprint)) return null;
    const refusal = this.refusalOf(account, at.retryMs);
    return refusal === null ? null : { why: refusal.why, bound: [], refusal };
  }

  /** An admin asks for it: whatever waits because it was refused or bound elsewhere may be tried once more. */
  retryCredentials(): void {
    for (const [fingerprint, record] of this.#state.credentials) {
      if (record.rejected_at !== null || record.trying_since !== null) this.#forgiven.add(fingerprint);
    }
    for (const fingerprint of this.#state.bindings.keys()) this.#forgiven.add(fingerprint);
  }

  /** On return every verdict that was given is on disk, as far as the disk takes it. */
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

  /** The strongest stays: what once worked there is what is expected there. */
  rememberWorked(proxyUrl: string, scheme: SchemeName): void {
    const before = this.remembered(proxyUrl);
    if (before?.worked != null && strengthOf(before.worked) >= strengthOf(scheme)) return;
    this.#state.put(this.#state.proxies, proxyUrl, { proxy: proxyUrl, offers: before?.offers ?? [], worked: scheme });
    this.#saveQuietly();
  }

  /** There was no Kerberos ticket for this proxy, or it was of no use. */
  rememberTicketless(proxyUrl: string): void {
    this.#ticketless.set(proxyUrl, this.#clock.monotonic());
  }

  isTicketless(proxyUrl: string): boolean {
    const since = this.#ticketless.get(proxyUrl);
    return since !== undefined && this.#clock.monotonic() - since < TICKETLESS_FOR_MS;
  }

  /**
   * Binds secrets to the proxies they were entered for: one that was not known yet, or that was entered anew, to all
   * that have it now. One that is known stays where it was. Settings that are only tried take nothing from those in force:
   * a known secret that was entered for them may be shown there as well.
   */
  introduce(introduced: readonly Introduced[], isTried = false): void {
    const bySecret = Map.groupBy(introduced, ({ secret }) => this.#state.fingerprint(secret));
    for (const [fingerprint, uses] of bySecret) {
      const known = this.#state.bindings.get(fingerprint);
      const revision = uses[0]?.revision ?? null;
      if (known !== undefined && (revision === null || revision === known.revision)) continue;
      const proxies = [...new Set(uses.map(({ proxyUrl }) => proxyUrl))];
      const binding =
        isTried && known !== undefined
          ? { ...known, proxies: [...new Set([...known.proxies, ...proxies])] }
          : { fingerprint, revision, proxies };
      this.#state.put(this.#state.bindings, fingerprint, binding);
    }
  }

  /** Where else a secret belongs, when it was entered for other proxies than this one; null when it may be shown here. */
  boundElsewhere(secret: string, proxyUrl: string): readonly string[] | null {
    const fingerprint = this.#state.fingerprint(secret);
    const binding = this.#state.bindings.get(fingerprint);
    if (binding === undefined || binding.proxies.includes(proxyUrl)) return null;
    if (!this.#forgiven.delete(fingerprint)) return binding.proxies;
    this.#state.put(this.#state.bindings, fingerprint, { ...binding, proxies: [...binding.proxies, proxyUrl] });
    return null;
  }

  #begin(fingerprint: string, confirmed: boolean, retryMs: number): Attempt {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (!confirmed) this.#underWay.set(fingerprint, promise);
    let settled = false;
    let written = false;
    const settle = (change: (record: CredentialRecord) => Partial<CredentialRecord> | null) => {
      if (settled) return;
      settled = true;
      const record = this.#recordOf(fingerprint);
      const changed = change(record);
      if (changed !== null || written) {
        this.#put({ ...record, ...changed, trying_since: null });
        this.#saveQuietly();
      }
      if (this.#underWay.get(fingerprint) === promise) this.#underWay.delete(fingerprint);
      resolve();
    };
    const started = this.#recordOf(fingerprint);
    const refusedMeanwhile = (): Refusal | null => {
      const record = this.#recordOf(fingerprint);
      if (record.rejected_at === started.rejected_at && record.tried_at === started.tried_at) return null;
      return this.#forgiven.has(fingerprint) ? null : judge(record, this.#clock.now(), retryMs);
    };
    return {
      refusedMeanwhile,
      sending: async () => {
        const refusal = refusedMeanwhile();
        if (refusal !== null) return refusal;
        const record = this.#recordOf(fingerprint);
        // What was allowed once more goes now.
        this.#forgiven.delete(fingerprint);
        if (!confirmed && !written) {
          written = true;
          const interrupted = record.trying_since === null ? 0 : record.interrupted + 1;
          this.#put({ ...record, trying_since: this.#clock.now(), interrupted });
        }
        if (!this.#state.isDirty) return null;
        await this.#state.save().catch((error: unknown) => {
          // A full disk stops the first try of a password, not the work of one that is known to be right.
          if (record.worked_at === null || record.rejected_at !== null) throw error;
        });
        return refusedMeanwhile();
      },
      accepted: () =>
        settle((record) => {
          // A refusal stands, also against an older attempt that ends later.
          if (record.rejected_at !== started.rejected_at) return null;
          return this.#worked(fingerprint, record);
        }),
      rejected: () =>
        settle((record) => {
          this.#confirmed.delete(fingerprint);
          const now = this.#clock.now();
          return { rejected_at: record.rejected_at ?? now, tried_at: now };
        }),
      unknown: () =>
        settle((record) => {
          // A try of a refused one that nobody answered was one all the same.
          return written && record.rejected_at !== null ? { tried_at: record.trying_since } : null;
        }),
    };
  }

  #worked(fingerprint: string, record: CredentialRecord): Partial<CredentialRecord> {
    this.#confirmed.set(fingerprint, this.#clock.monotonic());
    this.#forgiven.delete(fingerprint);
    const now = this.#clock.now();
    const workedFrom = record.rejected_at === null ? (record.worked_from ?? now) : now;
    return { worked_at: now, worked_from: workedFrom, rejected_at: null, tried_at: null, interrupted: 0 };
  }

  #isConfirmed(fingerprint: string): boolean {
    const at = this.#confirmed.get(fingerprint);
    return at !== undefined && this.#clock.monotonic() - at < CONFIRMED_FOR_MS;
  }

  #recordOf(fingerprint: string): CredentialRecord {
    return this.#state.credentials.get(fingerprint) ?? { fingerprint, ...UNTRIED };
  }

  /** A clock that was set back since must not make a wait longer than it is. */
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

  /** What a verdict adds is worth a try at once; an attempt that is on disk stays refused until it succeeds. */
  #saveQuietly(): void {
    if (this.#state.isDirty) this.#state.save().catch(() => undefined);
  }
}

/** Whether a credential must wait, by what is written down of it; null when it may go. Pure. */
function judge(record: CredentialRecord, nowMs: number, retryMs: number): Refusal | null {
  const interrupted = record.trying_since !== null;
  const since = record.rejected_at ?? record.trying_since;
  if (since === null) return null;
  // One that worked is given the benefit of one interruption: most end because somebody stopped us.
  if (record.rejected_at === null && record.worked_at !== null && record.interrupted === 0) return null;
  const mayRetry = retryMs > 0 && (record.worked_at !== null || record.rejected_at === null);
  const lastMs = Math.max(record.tried_at ?? 0, record.trying_since ?? 0);
  const retryAtMs = mayRetry ? lastMs + retryMs : null;
  if (retryAtMs !== null && nowMs >= retryAtMs) return null;
  return {
    why: interrupted && record.rejected_at === null ? 'interrupted' : 'rejected',
    sinceMs: since,
    workedFromMs: record.worked_from,
    workedUntilMs: record.worked_at,
    retryAtMs,
  };
}

/** Waits for the promise or the abort; leaves no listener. */
async function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
