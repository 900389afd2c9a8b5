// What a vendor does with a running platform: sends commands and changes activation keys, by function calls or by files
// in the folder of requests. A new release in the served folder is announced to all agents.
//
// Guarantees: each operation is on disk when it returns, and repeating it has no further effect. Relies on `EventLog`.

import { utcTime } from '#system/moment.ts';
import { FeedWatch } from './feed-watch.ts';
import type { LicenseEvent } from './licenses/license-book.ts';
import { type KeyTerms, makeKeys } from './licenses/new-keys.ts';
import type { Sessions } from './link/sessions.ts';
import type { PushedCommand } from './link/wire.ts';
import type { OpenedPlatform } from './platform-parts.ts';
import { newRequestId, RequestFolder, type VendorRequest } from './requests.ts';

export interface VendorControls {
  /**
   * Sends a command to an agent, or to `all`, now or when the agent connects. Returns the id of each command: one for
   * each agent.
   * @throws CodedError FILE-*, DISK-FULL; nothing is sent
   */
  push(to: string, command: PushedCommand): Promise<readonly string[]>;
  /** Makes activation keys. Returns their texts, which are not stored. @throws CodedError FILE-*, DISK-FULL */
  addKeys(terms: KeyTerms): Promise<readonly string[]>;
  /** Takes a key back from its host, and notifies the host. @throws CodedError FILE-*, DISK-FULL */
  revokeKey(id: string): Promise<void>;
  /** Changes when a key and its license end, and notifies the host. @throws CodedError FILE-*, DISK-FULL */
  extendKey(id: string, expires: string): Promise<void>;
}

interface VendorParts extends OpenedPlatform {
  readonly sessions: Sessions;
}

export class VendorOperations implements VendorControls {
  readonly #parts: VendorParts;
  #watches: readonly { close(): Promise<void> }[] = [];

  constructor(parts: VendorParts) {
    this.#parts = parts;
  }

  /** Carries out requests in the folder and announces releases, from now on. @throws CodedError FOLDER-UNSAFE, FILE-* */
  async watch(): Promise<void> {
    const { options, fleet, fleetLog } = this.#parts;
    const { files, dir, root, clock } = options;
    const requests = await RequestFolder.open(files, dir, {
      clock,
      carryOut: (request, id) => this.#carryOut(request, id),
    });
    const onRelease = async (digest: string) => {
      // The first release that this folder ever had is not news.
      const request = `update-${digest.slice(0, 16)}`;
      if (fleet.feed !== null) await this.#push(request, 'all', { command: 'update-available' });
      await fleetLog.commit(() => ({ kind: 'feed', digest }) as const);
    };
    this.#watches = [requests, new FeedWatch(files, root, { clock, known: () => fleet.feed, onRelease })];
  }

  /** Ends what `watch` began. */
  async close(): Promise<void> {
    for (const watch of this.#watches) await watch.close();
  }

  async push(to: string, command: PushedCommand): Promise<readonly string[]> {
    return await this.#push(newRequestId(utcTime(this.#parts.options.clock.now())), to, command);
  }

  async addKeys(terms: KeyTerms): Promise<readonly string[]> {
    const made = makeKeys(terms);
    for (const { key } of made) await this.#addKey(key);
    return made.map(({ text }) => text);
  }

  async revokeKey(id: string): Promise<void> {
    const { book, licenseLog } = this.#parts;
    const isNews = () => book.find(id)?.isRevoked === false;
    await licenseLog.commit(() => (isNews() ? ({ kind: 'revoked', key: id } as const) : null));
    await this.#notifyHolder(id, `revoked-${id}`);
  }

  async extendKey(id: string, expires: string): Promise<void> {
    const { book, licenseLog } = this.#parts;
    const isNews = () => book.find(id) !== null && book.find(id)?.expires !== expires;
    await licenseLog.commit(() => (isNews() ? ({ kind: 'extended', key: id, expires } as const) : null));
    await this.#notifyHolder(id, `extended-${id}-${Date.parse(expires)}`);
  }

  async #carryOut(request: VendorRequest, id: string): Promise<void> {
    switch (request.request) {
      case 'push':
        await this.#push(id, request.to, request.command);
        return;
      case 'keys':
        for (const key of request.keys) await this.#addKey(key);
        return;
      case 'revoke':
        await this.revokeKey(request.key);
        return;
      case 'extend':
        await this.extendKey(request.key, request.expires);
    }
  }

  async #push(request: string, to: string, command: PushedCommand): Promise<readonly string[]> {
    return await this.#parts.sessions.push({ request, agents: to === 'all' ? 'all' : [to], command });
  }

  async #addKey(key: Omit<Extract<LicenseEvent, { kind: 'key' }>, 'kind'>): Promise<void> {
    const { book, licenseLog } = this.#parts;
    await licenseLog.commit(() => (book.find(key.id) === null ? ({ kind: 'key', ...key } as const) : null));
  }

  async #notifyHolder(id: string, request: string): Promise<void> {
    const holder = this.#parts.book.find(id)?.holder;
    if (holder) await this.#push(request, holder.agent, { command: 'activation-changed' });
  }
}
