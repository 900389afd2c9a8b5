// The proxy of a bank: NTLM, with a device behind it that decrypts TLS. The device refuses PATCH with a page, cuts
// connections on which one request sends over a megabyte, and sends a page with status 200 if its scanner finds
// something.

import { type IncomingMessage, request as requestHttp, type ServerResponse } from 'node:http';
import { createCa } from './certificates.ts';
import { type LoginProxy, startLoginProxy } from './login-proxy.ts';
import type { NtlmUser } from './ntlm-verifier.ts';
import { startTlsOrigin } from './tls-origin.ts';

export interface BankProxy {
  readonly login: LoginProxy;
  /** Of the certificates that the box shows. */
  readonly ca: string;
  /** Where the box listens; the path is that of the server behind it. */
  readonly url: (behind: string) => string;
  /** Requests by method that the box blocked, cut, or found something in. */
  readonly counted: { patches: number; cut: number; found: number };
  close(): Promise<void>;
}

export interface BankRules {
  /** Longest body of a request, in bytes. */
  readonly maxBytes: number;
  /** Whether the scanner objects to the content of a bundle with this metadata. */
  readonly finds: (metadata: string) => boolean;
}

const PAGE = (title: string) => `<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>`;

export async function startBankProxy(user: NtlmUser, server: URL, rules: BankRules): Promise<BankProxy> {
  const ca = createCa('Bank Inspection CA', 'Bank');
  const counted = { patches: 0, cut: 0, found: 0 };
  /** Paths of uploads with content that the scanner objects to. */
  const marked = new Set<string>();
  const answer = (incoming: IncomingMessage, response: ServerResponse) => {
    const page = (status: number, title: string) => {
      incoming.resume();
      response.writeHead(status, { 'content-type': 'text/html' }).end(PAGE(title));
    };
    if (incoming.method === 'PATCH') {
      counted.patches += 1;
      return page(403, 'Method not allowed by policy');
    }
    if (marked.has(incoming.url ?? '') && Number(incoming.headers['content-length'] ?? 0) > 0) {
      counted.found += 1;
      return page(200, 'Data Loss Prevention: transfer blocked');
    }
    const isMarked = rules.finds(String(incoming.headers['upload-metadata'] ?? ''));
    const outgoing = requestHttp(
      new URL(incoming.url ?? '/', server),
      { method: incoming.method, headers: { ...incoming.headers, via: '1.1 bank' } },
      (answered) => {
        if (isMarked) marked.add(answered.headers.location ?? '');
        response.writeHead(answered.statusCode ?? 502, answered.headers);
        answered.pipe(response);
      },
    );
    outgoing.on('error', () => response.destroy());
    let bytes = 0;
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= rules.maxBytes) return;
      counted.cut += 1;
      outgoing.destroy();
      incoming.socket.destroy();
    });
    incoming.pipe(outgoing);
  };
  const box = await startTlsOrigin(ca.issue(), { answer });
  const login = await startLoginProxy('ntlm', user, box.port);
  return {
    login,
    ca: ca.cert,
    url: (behind) => `https://localhost:${box.port}${new URL(behind).pathname}`,
    counted,
    close: async () => {
      await login.close();
      await box.close();
    },
  };
}
