// The activation keys of a vendor and the hosts that use them, calculated from recorded events. Pure.
//
// Guarantees: only one host uses a key at a time. Events contain only digests of the keys.

import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { EventModel } from '#origin/event-log.ts';
import type { ReportedActivation } from '#origin/platform/link/wire.ts';

const text = z.string();
const holderFields = { agent: text, public_key: text, at: text };
const keyFields = { id: text, sha256: text, expires: text, features: z.array(text) };

const eventSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('key'), ...keyFields }),
  z.object({ kind: z.literal('activated'), key: text, ...holderFields }),
  z.object({ kind: z.literal('released'), key: text }),
  z.object({ kind: z.literal('revoked'), key: text }),
  z.object({ kind: z.literal('extended'), key: text, expires: text }),
  // Only in a snapshot:
  z.object({ kind: z.literal('former'), key: text, ...holderFields }),
]);
export type LicenseEvent = z.infer<typeof eventSchema>;

/** An activation key. */
export interface LicenseKey {
  /** Its name, which is also the id of its licenses. */
  readonly id: string;
  /** When the key and its licenses end; RFC 3339. */
  readonly expires: string;
  readonly features: readonly string[];
  readonly isRevoked: boolean;
  /** The host that uses it. */
  readonly holder: KeyHolder | null;
}

export interface KeyHolder {
  readonly agent: string;
  /** 32 bytes in base64url. */
  readonly publicKey: string;
  /** Since when; RFC 3339. */
  readonly at: string;
}

/** A host, and what became of its activation. */
export interface KnownHost extends KeyHolder {
  readonly key: LicenseKey;
  /** Whether another host has replaced it. */
  readonly isReplaced: boolean;
}

type Entry = { -readonly [Field in keyof LicenseKey]: LicenseKey[Field] } & { readonly sha256: string };

/** How many hosts that were replaced are remembered. */
const MAX_FORMER = 10_000;

export class LicenseBook implements EventModel<LicenseEvent> {
  readonly #keys = new Map<string, Entry>();
  readonly #bySha256 = new Map<string, string>();
  /** The key of each host that uses one. */
  readonly #byAgent = new Map<string, string>();
  readonly #former = new Map<string, KeyHolder & { readonly keyId: string }>();

  get keys(): readonly LicenseKey[] {
    return [...this.#keys.values()].map(({ sha256: _, ...key }) => key);
  }

  /** By its name. */
  find(id: string): LicenseKey | null {
    return this.#keys.get(id) ?? null;
  }

  /** By the text that a customer enters. */
  findByText(key: string): LicenseKey | null {
    const id = this.#bySha256.get(digestOfKey(key));
    return id === undefined ? null : this.find(id);
  }

  findHost(agent: string): KnownHost | null {
    const key = this.find(this.#byAgent.get(agent) ?? '');
    if (key?.holder?.agent === agent) return { ...key.holder, key, isReplaced: false };
    const former = this.#former.get(agent);
    const formerKey = former === undefined ? null : this.find(former.keyId);
    return former === undefined || formerKey === null ? null : { ...former, key: formerKey, isReplaced: true };
  }

  /** The state of a host at a moment; null for one that never used a key. */
  activationOf(agent: string, nowMs: number): ReportedActivation | null {
    const host = this.findHost(agent);
    if (host === null) return null;
    if (host.isReplaced || host.key.isRevoked) return 'revoked';
    return Date.parse(host.key.expires) <= nowMs ? 'expired' : 'activated';
  }

  read(raw: unknown): LicenseEvent | null {
    const read = eventSchema.safeParse(raw);
    return read.success ? read.data : null;
  }

  apply(event: LicenseEvent): void {
    if (event.kind === 'key') {
      const { id, sha256, expires, features } = event;
      this.#keys.set(id, { id, sha256, expires, features, isRevoked: false, holder: null });
      this.#bySha256.set(sha256, id);
      return;
    }
    const key = this.#keys.get(event.key);
    if (key === undefined) return;
    switch (event.kind) {
      case 'activated':
        this.#activate(key, { agent: event.agent, publicKey: event.public_key, at: event.at });
        return;
      case 'former':
        this.#former.set(event.agent, {
          agent: event.agent,
          publicKey: event.public_key,
          at: event.at,
          keyId: key.id,
        });
        return;
      case 'released':
        if (key.holder !== null) this.#byAgent.delete(key.holder.agent);
        key.holder = null;
        return;
      case 'revoked':
        key.isRevoked = true;
        return;
      case 'extended':
        key.expires = event.expires;
    }
  }

  *snapshot(): Generator<LicenseEvent> {
    for (const { id, sha256, expires, features, isRevoked, holder } of this.#keys.values()) {
      yield { kind: 'key', id, sha256, expires, features: [...features] };
      if (isRevoked) yield { kind: 'revoked', key: id };
      if (holder !== null) {
        yield { kind: 'activated', key: id, agent: holder.agent, public_key: holder.publicKey, at: holder.at };
      }
    }
    for (const { agent, publicKey, at, keyId } of this.#former.values()) {
      yield { kind: 'former', key: keyId, agent, public_key: publicKey, at };
    }
  }

  #activate(key: Entry, holder: KeyHolder): void {
    const before = key.holder;
    if (before !== null && before.agent !== holder.agent) {
      this.#byAgent.delete(before.agent);
      this.#former.set(before.agent, { ...before, keyId: key.id });
      for (const oldest of this.#former.keys()) {
        if (this.#former.size <= MAX_FORMER) break;
        this.#former.delete(oldest);
      }
    }
    // A host uses one key: the previous one is free again.
    const previous = this.#keys.get(this.#byAgent.get(holder.agent) ?? '');
    if (previous !== undefined && previous !== key) previous.holder = null;
    key.holder = holder;
    this.#byAgent.set(holder.agent, key.id);
    this.#former.delete(holder.agent);
  }
}

/** Of the text of a key without hyphens, in capitals. */
export function digestOfKey(key: string): string {
  return createHash('sha256').update(key.replaceAll('-', '').toUpperCase()).digest('hex');
}
