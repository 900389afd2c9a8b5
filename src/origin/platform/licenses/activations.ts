// Answers requests to `/activation` (docs/protocol-activation.md): a host sends an activation key and gets a license.
//
// Guarantees: a request is accepted only if it is signed with the private key of the host. This binds the activation
// key to that host. An activation is on disk before its license is sent. If a request is repeated, the response has the
// same license.

import { z } from 'zod';
import type { EventLog } from '#origin/event-log.ts';
import type { FaultSwitches } from '#origin/platform/link/faults.ts';
import { parseJson } from '#origin/platform/link/wire.ts';
import { type RequestSignatures, readPublicKey } from '#origin/platform/signatures/request-signatures.ts';
import { type JsonReply, problemOf, type ServedExchange } from '#origin/reply.ts';
import { mediaTypeOf } from '#origin/uploads/upload-headers.ts';
import type { Clock } from '#system/clock.ts';
import { utcTime } from '#system/moment.ts';
import { type LicenseEnvelope, type LicenseSigner, signLicense } from './license.ts';
import type { LicenseBook, LicenseEvent, LicenseKey } from './license-book.ts';

interface Parts {
  readonly book: LicenseBook;
  readonly log: EventLog<LicenseEvent>;
  readonly signer: LicenseSigner;
  readonly signatures: RequestSignatures;
  readonly publicOrigin: string | null;
  readonly clock: Clock;
  readonly faults: FaultSwitches;
}

/** The status of each refusal. */
const REFUSALS = {
  'key-unknown': [404, 'There is no such key.'],
  'key-used': [409, 'Another host uses this key.'],
  'key-expired': [410, 'The key has expired.'],
  revoked: [403, 'The activation was revoked.'],
  'not-activated': [409, 'This host is not activated.'],
  signature: [401, 'The request is not signed with the key of this host.'],
  clock: [401, 'The clock of this host and that of the server differ by more than five minutes.'],
} as const;
type RefusalCode = keyof typeof REFUSALS;

/** A license is valid on hosts whose clock is behind by as much as a signature allows. */
const CLOCK_TOLERANCE_MS = 300_000;

const text = z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/);
const host = {
  v: z.literal(1),
  agent: z.object({ id: text, version: z.string().max(64) }),
  public_key: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
};
const key = z.string().regex(/^(?:[A-Z0-9]{4}-){3}[A-Z0-9]{4}$/);
const requestSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('activate'), ...host, key }),
  z.object({ type: z.literal('replace'), ...host, key, replaces: text.optional() }),
  z.object({ type: z.literal('release'), ...host }),
  z.object({ type: z.literal('renew'), ...host }),
]);
type ActivationRequest = z.infer<typeof requestSchema>;

export class Activations {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** @throws CodedError FILE-*, DISK-FULL, SIGNING-* */
  async answer({ request }: ServedExchange, body: Buffer): Promise<JsonReply> {
    const { faults, signatures, publicOrigin } = this.#parts;
    if (mediaTypeOf(request.headers) !== 'application/json') {
      return problemOf({ status: 415, detail: 'Send application/json.' });
    }
    if (isRefusalCode(faults.now.activation)) return this.#refuse(faults.now.activation);
    const read = requestSchema.safeParse(parseJson(body.toString('utf8')));
    if (!read.success) return problemOf({ status: 400, detail: 'The body is not a request of format 1.' });
    const publicKey = readPublicKey(read.data.public_key);
    const findKey = (agent: string) => (agent === read.data.agent.id ? publicKey : null);
    const check = signatures.check({ request, body, findKey, publicOrigin });
    if ('refusal' in check) return check.refusal;
    if (check.agent === null) return this.#refuse('signature');
    return await this.#answer(read.data);
  }

  async #answer(request: ActivationRequest): Promise<JsonReply> {
    switch (request.type) {
      case 'activate':
      case 'replace':
        return await this.#activate(request);
      case 'renew':
        return await this.#renew(request);
      case 'release':
        return await this.#release(request);
    }
  }

  async #activate(request: Extract<ActivationRequest, { type: 'activate' | 'replace' }>): Promise<JsonReply> {
    const { book, log, clock } = this.#parts;
    const nowMs = clock.now();
    const { agent, public_key: publicKey } = request;
    let refusal: RefusalCode | null = null;
    let activated = '';
    await log.commit(() => {
      const found = book.findByText(request.key);
      activated = found?.id ?? '';
      refusal = found === null ? 'key-unknown' : this.#objection(request, found, nowMs);
      const { holder } = found ?? { holder: null };
      const isRepeated = holder?.agent === agent.id && holder.publicKey === publicKey;
      if (refusal !== null || isRepeated) return null;
      return { kind: 'activated', key: activated, agent: agent.id, public_key: publicKey, at: utcTime(nowMs) };
    });
    return refusal === null ? await this.#grant(activated) : this.#refuse(refusal);
  }

  /** Why this host does not get this key. */
  #objection(
    request: Extract<ActivationRequest, { type: 'activate' | 'replace' }>,
    found: LicenseKey,
    nowMs: number,
  ): RefusalCode | null {
    const { agent, public_key: publicKey, type } = request;
    if (found.isRevoked) return 'revoked';
    if (Date.parse(found.expires) <= nowMs) return 'key-expired';
    const { holder } = found;
    // Otherwise anyone with a key of their own could take over the name of an activated host.
    const known = this.#parts.book.findHost(agent.id);
    const isSomebodyElse = known !== null && !known.isReplaced && known.publicKey !== publicKey;
    if (isSomebodyElse && known.key.id !== found.id) return 'signature';
    if (holder === null || (holder.agent === agent.id && holder.publicKey === publicKey)) return null;
    if (type !== 'replace') return 'key-used';
    return request.replaces === undefined || request.replaces === holder.agent ? null : 'key-used';
  }

  async #renew({ agent, public_key: publicKey }: ActivationRequest): Promise<JsonReply> {
    const { book, clock } = this.#parts;
    const known = book.findHost(agent.id);
    if (known === null) return this.#refuse('not-activated');
    if (known.publicKey !== publicKey) return this.#refuse('signature');
    if (known.isReplaced || known.key.isRevoked) return this.#refuse('revoked');
    if (Date.parse(known.key.expires) <= clock.now()) return this.#refuse('key-expired');
    return await this.#grant(known.key.id);
  }

  async #release({ agent, public_key: publicKey }: ActivationRequest): Promise<JsonReply> {
    const { book, log } = this.#parts;
    let refusal: RefusalCode | null = null;
    await log.commit(() => {
      const known = book.findHost(agent.id);
      if (known === null || known.isReplaced) refusal = 'not-activated';
      else if (known.publicKey !== publicKey) refusal = 'signature';
      return refusal === null && known !== null ? { kind: 'released', key: known.key.id } : null;
    });
    return refusal === null ? { status: 200, body: { v: 1 } } : this.#refuse(refusal);
  }

  async #grant(id: string): Promise<JsonReply> {
    const { book, signer } = this.#parts;
    const found = book.find(id);
    if (found === null || found.holder === null) return this.#refuse('not-activated');
    return { status: 200, body: { v: 1, license: await licenseFor(found, found.holder, signer) } };
  }

  #refuse(code: RefusalCode): JsonReply {
    const [status, message] = REFUSALS[code];
    const nowMs = this.#parts.clock.now() + this.#parts.faults.now.clockOffsetMs;
    return { status, body: { v: 1, code, message, ...(code === 'clock' ? { server_time: utcTime(nowMs) } : {}) } };
  }
}

/** The license of a host. It begins when the host was activated, so that it is always the same. */
async function licenseFor(
  { id, expires, features }: LicenseKey,
  { agent, at }: { readonly agent: string; readonly at: string },
  signer: LicenseSigner,
): Promise<LicenseEnvelope> {
  const notBefore = utcTime(Date.parse(at) - CLOCK_TOLERANCE_MS);
  return await signLicense({ format: 1, id, agent, not_before: notBefore, expires, features }, signer);
}

function isRefusalCode(code: string | null): code is RefusalCode {
  return code !== null && Object.hasOwn(REFUSALS, code);
}
