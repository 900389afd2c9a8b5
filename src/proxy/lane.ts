// Makes a `Lane` of an open socket: what its hop is, what it wants on each request, and who judges its answers.
//
// Guarantees: `release` leaves no socket and no credential under way; a credential is in the headers of a forward lane
// only, and only for the proxy that the lane goes to.

import type { Duplex } from 'node:stream';
import type { Credential } from './auth/basic.ts';
import type { Attempt } from './auth/ledger.ts';
import type { BulkSource, HopFacts, Lane } from './route.ts';
import { type AskedProxy, credentialVerdict, judgeForward } from './verdict.ts';

/** A lane on which the origin itself answers: direct, or through a tunnel. `under` is the socket beneath TLS. */
export function originLane(
  facts: HopFacts,
  sockets: { readonly socket: Duplex; readonly under: Duplex; readonly bulk: BulkSource | null },
): Lane {
  return {
    socket: sockets.socket,
    form: 'origin',
    facts,
    requestHeaders: {},
    bulk: sockets.bulk,
    judgeResponse: () => {},
    release() {
      sockets.socket.destroy();
      sockets.under.destroy();
    },
  };
}

/** A lane to a proxy that forwards absolute-form requests and may answer them itself. */
export function forwardLane(
  facts: HopFacts,
  parts: {
    readonly socket: Duplex;
    readonly bulk: BulkSource | null;
    readonly asked: AskedProxy;
    readonly credential: Credential | null;
    readonly attempt: Attempt | null;
  },
): Lane {
  const { socket, asked, credential, attempt } = parts;
  return {
    socket,
    form: 'absolute',
    facts,
    get requestHeaders(): Readonly<Record<string, string>> {
      return credential === null ? {} : { 'Proxy-Authorization': credential.authorization.reveal() };
    },
    bulk: parts.bulk,
    judgeResponse(head, url) {
      const error = judgeForward(head, asked, url);
      attempt?.[credentialVerdict(error)]();
      if (error !== null) throw error;
    },
    release() {
      attempt?.unknown();
      socket.destroy();
    },
  };
}
