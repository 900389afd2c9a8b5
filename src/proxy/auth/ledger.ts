// What became of each credential, so that a wrong password costs one attempt and no account is locked.
//
// Guarantees: a secret that a proxy refused is not sent again, to any proxy, by any purpose, profile or scheme, nor after
// a restart, until it changes; one that had worked before is tried again at most once in `retryMs`, however that try ends,
// or when an admin asks for it, because proxies refuse right passwords while their directory is down. An attempt is on disk
// before its first byte, so a killed process does not try again. While an attempt is under way whose end is not foreseen,
// others wait, with a password that works not longer than 30 s; one that had leave already loses it when another one is
// refused first.
// Relies on `ledger-state.ts`; holds fingerprints, never a secret.

import type { Account } from '#proxy/account.ts';
import { onAbort } from '#system/abort.ts';
import { type Clock, systemClock } from '#system/clock.ts';
import { NewestSet } from '#system/newest.ts';
import type { Admission, AdmitOptions, Attempt } from './attempt.ts';
import { Doubts } from './doubts.ts';
import { type CredentialRecord, LedgerState, type ProxyRecord } from './ledger-state.ts';
import { judge, type Refusal } from './refusal.ts';
import { type SchemeName, strengthOf } from './schemes/scheme.ts';

/** Why a password is kept back. */
export interface Wait {
  /** `bound`: it was entered for other proxies. */
  readonly why: Refusal['why'] | 'bound';
  /** Those proxies. */
  readonly bound: readonly string[];
  readonly refusal: Refusal | null;
}

/** A secret of the configuration and the proxy it was entered for. */
export interface Introduced {
  readonly secret: string;
  readonly revision: string | null;
  readonly proxyUrl: string;
}

/** So long after a proxy took a credential others send it side by side; later one goes first, in case it expired. */
const CONFIRMED_FOR_MS = 60_000;

/**
 * So long others wait for the verdict on a password that has worked and was not refused since: behind a proxy that scans, the
 * first byte of an answer may take half an hour.
 */
const PATIENCE_MS = 30_000;

/** So long `auto` does without a ticket at a proxy where there was none: asking for one can take long. */
const TICKETLESS_FOR_MS = 600_000;

/** A configuration has at most 64 profiles; others were tried and not saved. */
const MOST_MOVED = 256;

/** Secrets that were only tried are bound up to this many; the rest of the room is for those of the settings. */
const MOST_TRIED = 128;

/** Proxies that are remembered for each credential. A PAC file can name more; the oldest are forgotten. */
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

interface UnderWay {
  readonly over: Promise<void>;
  /** Monotonic ms. */
  readonly sinceMs: number;
}

/** One for the whole process; it outlives a change of the configuration. */
export class Ledger {
  /** Refusals that may be a server's. */
  readonly doubts: Doubts;
  readonly #state: LedgerState;
  readonly #clock: Clock;
  /** Attempts under way that others wait for, and when each credential was last confirmed (monotonic ms). */
  readonly #underWay = new Map<string, UnderWay>();
  readonly #confirmed = new Map<string, number>();
  /** Proxies for which there was no ticket, and since when (monotonic ms). */
  readonly #ticketless = new Map<string, number>();
  /** What an admin allowed once more. */
  readonly #forgiven = new Set<string>();
  /** Secrets of the settings whose proxy is not where they belong, each with that proxy. */
  readonly #moved = new NewestSet<string>(MOST_MOVED);
  /** The last save that somebody has to wait for. */
  #owed: Promise<void> = Promise.resolve();

  constructor(parts: { readonly state?: LedgerState; readonly clock?: Clock } = {}) {
    this.#state = parts.state ?? new LedgerState(null);
    this.#clock = parts.clock ?? systemClock;
    this.doubts = new Doubts(this.#state, this.#clock);
  }

  /** Asks leave to send the password of an account. Waits while another attempt with it is under way. */
  async admit(account: Account, options: AdmitOptions): Promise<Admission> {
    const fingerprint = this.#state.fingerprint(account.key, account.password.reveal());
    for (;;) {
      options.signal.throwIfAborted();
      const underWay = this.#underWay.get(fingerprint);
      const beside = this.#isConfirmed(fingerprint) || this.#patienceLeft(fingerprint, underWay) === 0;
      if (underWay === undefined || beside) {
        const record = this.#recordOfNow(fingerprint);
        const refusal = this.#forgiven.has(fingerprint) ? null : judge(record, this.#clock.now(), options.retryMs);
        if (refusal !== null) return { kind: 'refused', refusal };
        return { kind: 'admitted', attempt: this.#begin(fingerprint, beside, options) };
      }
      await this.#turn(underWay, this.#patienceLeft(fingerprint, underWay), options.signal);
    }
  }

  /** How long a verdict is waited for still, in milliseconds; null for as long as it takes. */
  #patienceLeft(fingerprint: string, underWay: UnderWay | undefined): number | null {
    const { worked_at, rejected_at, interrupted } = this.#recordOf(fingerprint);
    if (underWay === undefined || worked_at === null || rejected_at !== null || interrupted > 0) return null;
    return Math.max(0, underWay.sinceMs + PATIENCE_MS - this.#clock.monotonic());
  }

  /** Waits for the verdict, for so long, or for the abort; leaves no listener. */
  async #turn({ over }: UnderWay, waitMs: number | null, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const stopListening = onAbort(signal, () => reject(signal.reason as Error));
    const timer = waitMs === null ? null : this.#clock.after(waitMs, resolve);
    over.then(resolve, reject);
    try {
      await promise;
    } finally {
      stopListening();
      timer?.cancel();
    }
  }

  /** What was said of this credential when it was refused; for the failure of the attempt that found out. */
  refusalOf(account: Account, retryMs: number): Refusal | null {
    const fingerprint = this.#state.fingerprint(account.key, account.password.reveal());
    return judge(this.#recordOf(fingerprint), this.#clock.now(), retryMs);
  }

  /** Whether this very proxy has taken the password of an account, and no proxy has refused it since. */
  hasWorkedAt(account: Account, proxyUrl: string): boolean {
    const fingerprint = this.#state.fingerprint(account.key, account.password.reveal());
    return this.#recordOf(fingerprint).worked_where.includes(proxyUrl);
  }

  /** Whether this very proxy takes the password of an account, and a proxy has taken it since that moment (monotonic ms). */
  acceptedSince(account: Account, proxyUrl: string, sinceMs: number): boolean {
    const fingerprint = this.#state.fingerprint(account.key, account.password.reveal());
    return this.hasWorkedAt(account, proxyUrl) && (this.#confirmed.get(fingerprint) ?? -1) >= sinceMs;
  }

  /** Why a password would not be sent now; null when it may, when it is just under way, or when it was allowed once more. */
  waits(account: Account, at: { readonly boundTo: string; readonly retryMs: number }): Wait | null {
    const secret = this.#state.fingerprint(account.password.reveal());
    const binding = this.#state.bindings.get(secret);
    if (binding !== undefined && !binding.proxies.includes(at.boundTo)) {
      const isForgiven = this.#forgiven.has(moveOf(secret, at.boundTo));
      return isForgiven ? null : { why: 'bound', bound: binding.proxies, refusal: null };
    }
    const fingerprint = this.#state.fingerprint(account.key, account.password.reveal());
    if (this.#underWay.has(fingerprint) || this.#forgiven.has(fingerprint)) return null;
    const refusal = this.refusalOf(account, at.retryMs);
    return refusal === null ? null : { why: refusal.why, bound: [], refusal };
  }

  /**
   * An admin asks for it: whatever waits now because it was refused or bound elsewhere may be tried once more, or only the
   * password of one account for its proxy. A move that comes later is not forgiven beforehand. Without `mayMove` what is
   * bound elsewhere stays so.
   */
  retryCredentials(
    only: { readonly account: Account; readonly boundTo: string } | null = null,
    { mayMove }: { readonly mayMove: boolean } = { mayMove: true },
  ): void {
    const secret = only === null ? '' : only.account.password.reveal();
    const one = only === null ? null : this.#state.fingerprint(only.account.key, secret);
    for (const [fingerprint, record] of this.#state.credentials) {
      if (one !== null && fingerprint !== one) continue;
      if (record.rejected_at !== null || record.trying_since !== null) this.#forgiven.add(fingerprint);
    }
    if (!mayMove) return;
    const move = only === null ? null : moveOf(this.#state.fingerprint(secret), only.boundTo);
    for (const moved of this.#moved) {
      if (move === null || moved === move) this.#forgiven.add(moved);
    }
    this.doubts.clear();
  }

  /**
   * On return what decides about later attempts is on disk, as far as the disk takes it: refusals, the end of an attempt
   * that was written down, the strongest scheme that worked.
   */
  settled(): Promise<void> {
    return this.#owed;
  }

  /** On return everything is on disk, as far as that takes it. */
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
    this.#owed = this.flush();
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
      if (!isTried) for (const move of this.#movesOf(fingerprint)) this.#moved.delete(move);
      const proxies = [...new Set(uses.map(({ proxyUrl }) => proxyUrl))];
      if (known !== undefined && (revision === null || revision === known.revision)) {
        this.#noteMoved(
          fingerprint,
          proxies.filter((proxyUrl) => !known.proxies.includes(proxyUrl)),
        );
        continue;
      }
      // Anything may be tried: it pushes out no binding that keeps a secret back.
      if (isTried && known === undefined && this.#state.bindings.size >= MOST_TRIED) continue;
      const binding =
        isTried && known !== undefined
          ? { ...known, proxies: [...new Set([...known.proxies, ...proxies])] }
          : { fingerprint, revision, proxies };
      this.#state.put(this.#state.bindings, fingerprint, binding);
    }
  }

  #movesOf(secret: string): string[] {
    return [...this.#moved].filter((move) => move.startsWith(moveOf(secret, '')));
  }

  #noteMoved(secret: string, proxyUrls: readonly string[]): void {
    for (const proxyUrl of proxyUrls) this.#moved.add(moveOf(secret, proxyUrl));
  }

  /** Where else a secret belongs, when it was entered for other proxies than this one; null when it may be shown here. */
  boundElsewhere(secret: string, proxyUrl: string): readonly string[] | null {
    const fingerprint = this.#state.fingerprint(secret);
    const binding = this.#state.bindings.get(fingerprint);
    if (binding === undefined || binding.proxies.includes(proxyUrl)) return null;
    if (!this.#forgiven.delete(moveOf(fingerprint, proxyUrl))) return binding.proxies;
    this.#moved.delete(moveOf(fingerprint, proxyUrl));
    this.#state.put(this.#state.bindings, fingerprint, { ...binding, proxies: [...binding.proxies, proxyUrl] });
    return null;
  }

  /** `beside` others, or alone, so that others wait for it. */
  #begin(fingerprint: string, beside: boolean, { retryMs, proxyUrl }: AdmitOptions): Attempt {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (!beside) this.#underWay.set(fingerprint, { over: promise, sinceMs: this.#clock.monotonic() });
    let verdict: keyof Pick<Attempt, 'accepted' | 'rejected' | 'unknown'> | null = null;
    let written = false;
    const settle = (
      now: NonNullable<typeof verdict>,
      change: (record: CredentialRecord) => Partial<CredentialRecord> | null,
    ) => {
      // A later request of the same connection may be refused after an earlier one was let through.
      if (verdict !== null && !(verdict === 'accepted' && now === 'rejected')) return;
      verdict = now;
      const record = this.#recordOf(fingerprint);
      const changed = change(record);
      if (changed !== null || written) {
        this.#put({ ...record, ...changed, trying_since: null });
        // That a password worked again adds nothing to what is on disk but the time.
        if (written || changed?.rejected_at != null) this.#owed = this.flush();
        else this.#saveQuietly();
      }
      if (this.#underWay.get(fingerprint)?.over === promise) this.#underWay.delete(fingerprint);
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
        if (!beside && !written) {
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
        settle('accepted', (record) => {
          // A refusal stands, also against an older attempt that ends later.
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
          // A try of a refused one that nobody answered was one all the same.
          return written && record.rejected_at !== null ? { tried_at: record.trying_since } : null;
        }),
    };
  }

  #worked(fingerprint: string, record: CredentialRecord, proxyUrl: string): Partial<CredentialRecord> {
    this.#confirmed.set(fingerprint, this.#clock.monotonic());
    this.#forgiven.delete(fingerprint);
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

function moveOf(secret: string, proxyUrl: string): string {
  return `${secret} ${proxyUrl}`;
}
