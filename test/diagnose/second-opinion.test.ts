/**
 * The second opinion in scenarios of the field: its sentence for each, and what reaches the proxy. Secrets are
 * counted at the proxy: the other client never causes one more refused attempt.
 */
import '#test/support/built-threads.ts';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SecondOpinion } from '#diagnose/report.ts';
import type { Clock } from '#system/clock.ts';
import { createCa } from '#test/support/certificates.ts';
import {
  ca,
  type DiagnosisOutput,
  type DiagnosisSetup,
  feedSettings,
  printDiagnosis,
  startFeedOrigin,
} from '#test/support/diagnosis-rig.ts';
import { FAULTS, honest, type Script, says, startFaultProxy } from '#test/support/fault-proxy.ts';
import { feedOf } from '#test/support/jars.ts';
import { type ProxyLogin, startLoginProxy } from '#test/support/login-proxy.ts';
import { scaledClock } from '#test/support/scaled-clock.ts';
import {
  honest5,
  LOGIN_REFUSED,
  LOGIN_TAKEN,
  OPEN_5,
  open,
  startSocksServer,
  WANTS_USER,
} from '#test/support/socks-server.ts';
import { startTlsFront } from '#test/support/tls-front.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';

const HOST = 'updates.example.com';
const closing: { close(): Promise<void> }[] = [];
let dir: string;
let healthy: TlsOrigin;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-opinion-'));
  healthy = await startFeedOrigin();
  await writeFile(join(dir, 'ca.pem'), ca.cert);
});
afterAll(async () => {
  await healthy.close();
  await rm(dir, { recursive: true });
});
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close();
});

function held<T extends { close(): Promise<void> }>(one: T): T {
  closing.push(one);
  return one;
}

interface Setup {
  readonly origin?: TlsOrigin;
  readonly sections?: Readonly<Record<string, unknown>>;
  readonly clock?: Clock;
}

interface Opinion extends DiagnosisOutput {
  readonly opinion: SecondOpinion;
}

/** Requests a diagnosis with a second opinion through this profile. */
async function through(corp: Readonly<Record<string, unknown>>, setup: Setup = {}): Promise<Opinion> {
  const { origin = healthy, sections = {}, clock } = setup;
  const profile = { name: 'corp', address: '127.0.0.1', default: true, ...corp };
  return await diagnosed(
    { ...(await feedSettings(origin.port, HOST)), proxies: [profile], ...sections },
    clock === undefined ? {} : { clock },
  );
}

async function diagnosed(
  sections: Readonly<Record<string, unknown>>,
  around: Pick<DiagnosisSetup, 'clock' | 'environment'> = {},
): Promise<Opinion> {
  const told = await printDiagnosis({ sections, asked: { second_opinion: true }, ...around });
  const opinion = told.diagnosis.purposes[0]?.second_opinion;
  if (opinion == null) throw new Error('no second opinion');
  return { ...told, opinion };
}

async function behind(script: Script, setup: Setup & { readonly corp?: object } = {}): Promise<Opinion> {
  const proxy = held(await startFaultProxy(script));
  return await through({ port: proxy.port, ...setup.corp }, setup);
}

const USER = { user: 'svc', password: 'right one', domain: '' };
/** What is reported of this login, and how many proofs the proxy refused. */
async function refusedBy(login: ProxyLogin, password: string | null, second_opinion: boolean) {
  const proxy = held(await startLoginProxy(login, USER, healthy.port));
  const account = password === null ? {} : { authentication: login, user: 'svc', password };
  const corp = { name: 'corp', address: '127.0.0.1', port: proxy.port, default: true, ...account };
  const sections = { ...(await feedSettings(healthy.port, HOST)), proxies: [corp] };
  const { diagnosis } = await printDiagnosis({ sections, asked: { second_opinion } });
  return { diagnosis, opinion: diagnosis.purposes[0]?.second_opinion, refused: proxy.counted.refused };
}

const DENIED = 'HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\nContent-Length: 0\r\n\r\n';
/** An ordinary Node client sends this header, Sallyport does not. */
const isOrdinary = (head: string) => /^proxy-connection:/im.test(head);

/** Denies the requests that `isDenied` picks, and leads to the healthy server otherwise. */
function denying(isDenied: (head: string, earlier: number) => boolean): Script {
  return (client, head, earlier) => {
    if (isDenied(head, earlier)) client.end(DENIED);
    else honest(healthy.port)(client, head, earlier);
  };
}

/** Answers requests in absolute form with the feed, or as `otherwise` says. */
function forwarding(otherwise: (head: string) => string | null = () => null): Script {
  const feed = feedOf([]);
  const answer = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${feed.length}\r\n\r\n${feed}`;
  return (client, head) => client.end(otherwise(head) ?? answer);
}
const PLAIN = { updates: { feed_url: 'http://127.0.0.1:9/feed.json' } };
const SAME = 'An ordinary Node client gets';
const ASKS_407 = 'HTTP/1.1 407 X\r\nProxy-Authenticate: Basic realm="r"\r\nContent-Length: 0\r\n\r\n';

async function closedPort(): Promise<number> {
  const proxy = await startFaultProxy(() => {});
  await proxy.close();
  return proxy.port;
}

interface Case {
  readonly ask: () => Promise<Opinion>;
  readonly outcome: SecondOpinion['outcome'];
  readonly says: string | RegExp;
}

const CASES: Readonly<Record<string, Case>> = {
  'a healthy set-up': {
    ask: () => behind(honest(healthy.port)),
    outcome: 'same',
    says: `${SAME} through as well (200).`,
  },
  'a host that the proxy denies': {
    ask: () => behind(denying(() => true)),
    outcome: 'same',
    says: `${SAME} the same 403.`,
  },
  'a proxy that cannot reach the server': {
    ask: () => behind(says('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n')),
    outcome: 'same',
    says: `${SAME} the same 503.`,
  },
  'a silent proxy': {
    ask: () => {
      const sections = { response_timeout: { tunnel_timeout_ms: 1_000 } };
      return behind(FAULTS.silent, { sections, clock: scaledClock(20) });
    },
    outcome: 'same',
    says: /^An ordinary Node client does not get past the proxy either: no answer within \d+ s\.$/,
  },
  'a port that is not a proxy': {
    ask: () => behind(FAULTS.htmlInsteadOfAReply),
    outcome: 'same',
    says: /^An ordinary Node client does not get past the proxy either: "Proxy connection ended/,
  },
  'a port where nothing listens': {
    ask: async () => through({ port: await closedPort() }),
    outcome: 'same',
    says: 'An ordinary Node client does not get past the proxy either: ECONNREFUSED.',
  },
  'a proxy whose name is unknown': {
    ask: () => through({ address: 'prxoy.invalid', port: 3_128 }),
    outcome: 'same',
    says: /^An ordinary Node client does not get past the proxy either: E(?:NOTFOUND|AI_AGAIN)\.$/,
  },
  'TLS that is intercepted': {
    ask: async () => {
      const origin = held(await startFeedOrigin({ pair: createCa('Corp Inspection CA').issue() }));
      return await behind(honest(origin.port), { origin });
    },
    outcome: 'same',
    says: 'An ordinary Node client rejects the certificate of the server as well: UNABLE_TO_VERIFY_LEAF_SIGNATURE.',
  },
  'a key that is not pinned': {
    ask: async () => {
      const { updates } = (await feedSettings(healthy.port, HOST)) as { readonly updates: object };
      const pins = [`sha256/${Buffer.alloc(32, 1).toString('base64')}`];
      return await behind(honest(healthy.port), { sections: { updates: { ...updates, pins } } });
    },
    outcome: 'same',
    says: 'An ordinary Node client rejects the certificate of the server as well: NOT_PINNED.',
  },
  'a server that answers 404': {
    ask: () => {
      const updates = { feed_url: `https://${HOST}:${healthy.port}/nothing`, ca_file: join(dir, 'ca.pem') };
      return behind(honest(healthy.port), { sections: { updates } });
    },
    outcome: 'same',
    says: `${SAME} the same 404.`,
  },
  'a SOCKS proxy': {
    ask: async () => {
      const socks = held(await startSocksServer(honest5(healthy.port)));
      return await through({ scheme: 'socks5h', port: socks.port });
    },
    outcome: 'same',
    says: `${SAME} through as well (200).`,
  },
  'TLS that is intercepted behind a SOCKS proxy': {
    ask: async () => {
      const origin = held(await startFeedOrigin({ pair: createCa('Corp Inspection CA').issue() }));
      const socks = held(await startSocksServer(honest5(origin.port)));
      return await through({ scheme: 'socks5h', port: socks.port }, { origin });
    },
    outcome: 'same',
    says: 'An ordinary Node client rejects the certificate of the server as well: UNABLE_TO_VERIFY_LEAF_SIGNATURE.',
  },
  'a SOCKS proxy that takes addresses, under proxy_required': {
    ask: async () => {
      const environment = { https_proxy: `socks4://127.0.0.1:${await closedPort()}` };
      const corp = { name: 'corp', scheme: 'environment', default: true };
      const sections = { ...(await feedSettings(healthy.port, HOST)), proxies: [corp], proxy_required: true };
      return await diagnosed(sections, { environment });
    },
    outcome: 'not asked',
    says: /^No second opinion: socks4 would resolve the name of the server here, and proxy_required forbids that\.$/,
  },
  'a proxy over TLS, with an authority of its own': {
    ask: async () => {
      const plain = held(await startFaultProxy(honest(healthy.port)));
      const own = createCa('Proxy CA');
      const front = held(await startTlsFront(own.issue({ names: 'DNS:localhost' }), plain.port));
      const ca_file = join(dir, 'proxy-ca.pem');
      await writeFile(ca_file, own.cert);
      return await through({ scheme: 'https', address: 'localhost', port: front.port, ca_file });
    },
    outcome: 'same',
    says: `${SAME} through as well (200).`,
  },
  'a proxy over TLS whose authority is unknown': {
    ask: async () => {
      const plain = held(await startFaultProxy(honest(healthy.port)));
      const front = held(await startTlsFront(createCa('Other CA').issue({ names: 'DNS:localhost' }), plain.port));
      return await through({ scheme: 'https', address: 'localhost', port: front.port });
    },
    outcome: 'same',
    says: /^An ordinary Node client does not get past the proxy either: [A-Z_]*(?:CERT|SIGNATURE)[A-Z_]*\.$/,
  },
  'a PAC file that names a proxy': {
    ask: async () => {
      const proxy = held(await startFaultProxy(honest(healthy.port)));
      return await byPac(`PROXY 127.0.0.1:${proxy.port}; DIRECT`);
    },
    outcome: 'same',
    says: `${SAME} through as well (200).`,
  },
  'a PAC file that says DIRECT': {
    ask: () => byPac('DIRECT', 'localhost'),
    outcome: 'not asked',
    says: 'No second opinion: the connection uses no proxy.',
  },
  'a direct connection that is forbidden': {
    ask: async () => through({ port: await closedPort(), no_proxy: HOST }, { sections: { proxy_required: true } }),
    outcome: 'not asked',
    says: 'No second opinion: Sallyport tried no proxy.',
  },
  'plain HTTP through a proxy': {
    ask: () => behind(forwarding(), { sections: PLAIN }),
    outcome: 'same',
    says: `${SAME} through as well (200).`,
  },
  'plain HTTP that the proxy denies': {
    ask: () =>
      behind(
        forwarding(() => DENIED),
        { sections: PLAIN },
      ),
    outcome: 'same',
    says: `${SAME} the same 403.`,
  },
  'plain HTTP through CONNECT': {
    ask: () => behind(forwarding(), { corp: { tunnel_http: true }, sections: PLAIN }),
    outcome: 'not asked',
    says: 'No second opinion: an ordinary Node client cannot send plain HTTP through CONNECT (tunnel_http).',
  },
  'a proxy that denies Sallyport alone': {
    ask: () => behind(denying((head) => !isOrdinary(head))),
    outcome: 'gets through',
    says: 'An ordinary Node client gets through: please report this as a bug in Sallyport.',
  },
  'a proxy that denies the ordinary client alone': {
    ask: () => behind(denying(isOrdinary)),
    outcome: 'fails',
    says: 'An ordinary Node client fails where Sallyport gets through: the proxy answered 403.',
  },
  'a denial that is over by then': {
    // Sallyport requests the feed, and port 443 of its host.
    ask: () => behind(denying((_head, earlier) => earlier < 2)),
    outcome: 'recovered',
    says: /and so did Sallyport when it tried again: the failure is intermittent\.$/,
  },
  'two kinds of failure': {
    ask: () => behind((client, head) => client.end(isOrdinary(head) ? ASKS_407 : DENIED)),
    outcome: 'differs',
    says: 'An ordinary Node client fails differently: the proxy answered 407.',
  },
};

/** Through the proxies that this PAC file returns. */
async function byPac(answer: string, host = HOST): Promise<Opinion> {
  const file = join(dir, 'proxy.pac');
  await writeFile(file, `function FindProxyForURL(url, host) { return ${JSON.stringify(answer)}; }`);
  const corp = { name: 'corp', scheme: 'pac', pac: { file }, default: true };
  return await diagnosed({ ...(await feedSettings(healthy.port, host)), proxies: [corp] });
}

describe('second opinion', () => {
  it.each(Object.entries(CASES))('%s: the sentence is right', async (_name, { ask, outcome, says: expected }) => {
    const { opinion, lines } = await ask();
    expect(opinion.says).toMatch(expected);
    expect(opinion.outcome).toBe(outcome);
    expect(lines).toContain(`  ${opinion.says}`);
  });
});

describe('second opinion: secrets', () => {
  const cannot = (scheme: string) => `No second opinion: an ordinary Node client cannot authenticate with ${scheme}.`;

  it.each([
    ['no account', 'basic', null, `${SAME} the same 407.`],
    ['a wrong password', 'basic', 'wrong one', `${SAME} the same 407.`],
    ['a password that was accepted by Basic', 'basic', USER.password, `${SAME} through as well (200).`],
    ['Digest', 'digest', USER.password, cannot('Digest')],
    ['NTLM', 'ntlm', USER.password, cannot('NTLM')],
    ['a wrong password by NTLM', 'ntlm', 'wrong one', `${SAME} the same 407.`],
  ] as const)('%s: the proxy refuses nothing more than without one', async (_name, login, password, expected) => {
    const { opinion, refused, diagnosis } = await refusedBy(login, password, true);
    expect(opinion?.says).toBe(expected);
    expect(refused).toBe((await refusedBy(login, password, false)).refused);
    expect(JSON.stringify(diagnosis)).not.toContain(USER.password);
  });

  it('a password that a SOCKS proxy accepted is included', async () => {
    const login = { scheme: 'socks5h', authentication: 'basic', user: 'svc', password: 'right one' };
    const steps = [WANTS_USER, LOGIN_TAKEN, open(OPEN_5, healthy.port)];
    const taking = held(await startSocksServer(steps));
    const taken = await through({ ...login, port: taking.port });
    expect(taken.opinion).toMatchObject({ outcome: 'same', without: [], status: 200 });
    const refusing = held(await startSocksServer([WANTS_USER, LOGIN_REFUSED, null]));
    const refused = await through({ ...login, port: refusing.port });
    expect(refused.opinion).toMatchObject({ outcome: 'same', without: ['the login of proxy corp'] });
    const shown = Buffer.from('right one').toString('hex');
    expect(refusing.messages.filter((message) => message.includes(shown))).toHaveLength(1);
  });

  it('Basic in absolute form is included if it was accepted', async () => {
    const expected = `Basic ${Buffer.from('svc:right one').toString('base64')}`;
    const proxy = held(await startFaultProxy(forwarding((head) => (head.includes(expected) ? null : ASKS_407))));
    const account = { authentication: 'basic', user: 'svc', password: 'right one' };
    const { opinion } = await through({ port: proxy.port, ...account }, { sections: PLAIN });
    expect(opinion).toMatchObject({ outcome: 'same', status: 200, without: [] });
    expect(proxy.heads.every((head) => head.includes(expected))).toBe(true);
  });

  it('a password that only Sallyport gets accepted is sent once', async () => {
    const expected = `Basic ${Buffer.from('svc:right one').toString('base64')}`;
    const script: Script = (client, head, earlier) => {
      if (head.includes(expected) && !isOrdinary(head)) honest(healthy.port)(client, head, earlier);
      else client.end(ASKS_407);
    };
    const account = { authentication: 'basic', user: 'svc', password: 'right one' };
    const { opinion } = await behind(script, { corp: account });
    expect(opinion.says).toBe('An ordinary Node client fails where Sallyport gets through: the proxy answered 407.');
  });

  it('tokens and headers for the server are not included', async () => {
    const heads: (string | undefined)[] = [];
    const origin = held(
      await startTlsOrigin(ca.issue(), {
        answer: ({ headers }, response) => {
          heads.push(headers.authorization);
          if (headers.authorization === undefined) response.writeHead(401).end();
          else response.end(feedOf([]));
        },
      }),
    );
    const { updates } = (await feedSettings(origin.port, HOST)) as { readonly updates: object };
    const sections = { updates: { ...updates, bearer_token: 'a-token-of-ours' } };
    const { opinion } = await behind(honest(origin.port), { origin, sections });
    expect(opinion).toMatchObject({ outcome: 'same', status: 401, without: ['updates.bearer_token'] });
    expect(opinion.says).toBe(
      'An ordinary Node client reaches the server as well (401, without updates.bearer_token).',
    );
    expect(heads.filter((value) => value !== undefined)).toHaveLength(heads.length - 1);
  });

  it('there is none unless it is requested, and nothing more is sent', async () => {
    const proxy = held(await startFaultProxy(honest(healthy.port)));
    const corp = { name: 'corp', address: '127.0.0.1', port: proxy.port, default: true };
    const sections = { ...(await feedSettings(healthy.port, HOST)), proxies: [corp] };
    const told = await printDiagnosis({ sections });
    expect(told.diagnosis.purposes[0]?.second_opinion).toBeNull();
    expect(proxy.heads.filter(isOrdinary)).toEqual([]);
  });
});
