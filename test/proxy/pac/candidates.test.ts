import '#test/support/built-threads.ts';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SallyportEvent } from '#logging/events.ts';
import { ANSWER_MS, MAX_PAC_FILES, PacCandidates } from '#proxy/pac/candidates.ts';
import type { ProxyProfile } from '#proxy/profile.ts';
import { type Clock, systemClock } from '#system/clock.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { UPDATER } from '#test/support/updater.ts';

const signal = new AbortController().signal;
const url = new URL('https://updates.example:8443/feed.json?token=sesame');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Rig {
  /** The URLs of the proxies that are named, or the code of the failure. */
  candidates(target?: URL): Promise<unknown>;
  write(body: string): Promise<void>;
  known(): unknown;
  readonly file: string;
  readonly events: SallyportEvent[];
}

/** The clock of the machine for evaluations: a thread does not wait for a clock that is stopped. */
async function rig(body: string, options: { clock?: Clock; required?: boolean; limitMs?: number } = {}): Promise<Rig> {
  const file = join(folder, `${crypto.randomUUID()}.pac`);
  const events: SallyportEvent[] = [];
  const pac = new PacCandidates({
    clock: options.clock ?? systemClock,
    report: (event) => events.push(event),
    fetch: () => Promise.reject(new Error('nothing is fetched here')),
    ...(options.limitMs === undefined ? {} : { limitMs: options.limitMs }),
  });
  const source = pac.source({ proxy_required: options.required ?? false });
  const profile: ProxyProfile = {
    name: 'corp',
    port: 80,
    scheme: 'pac',
    pac: { file },
    default: true,
    authentication: 'transparent',
  };
  const write = (text: string) => writeFile(file, text.includes('function') ? text : inFunction(text));
  await write(body);
  return {
    file,
    events,
    write,
    known: () => source.knownCandidates(profile, url),
    candidates: async (target = url) => {
      try {
        const candidates = await source.candidatesFor(profile, target, { purpose: 'updates', signal });
        return candidates.map((candidate) => (candidate.kind === 'direct' ? 'direct' : candidate.hop.url));
      } catch (error) {
        return (error as { code?: string }).code;
      }
    },
  };
}

const inFunction = (body: string) => `function FindProxyForURL(url, host) { ${body} }`;
const namesOf = (events: readonly SallyportEvent[]) => events.map(({ name }) => name);

describe('PAC files: the URL that they get', () => {
  it.each([
    ['https://updates.example/feed.json?x=1', 'https://updates.example/ updates.example'],
    ['https://updates.example:8443/feed.json', 'https://updates.example:8443/ updates.example'],
    ['wss://updates.example/link', 'https://updates.example/ updates.example'],
    ['http://updates.example/feed?x=1', 'http://updates.example/feed?x=1 updates.example'],
    ['https://[2001:db8::1]/feed', 'https://[2001:db8::1]/ 2001:db8::1'],
  ])('for %s has only what they need', async (target, told) => {
    const { candidates } = await rig(
      `if (url + " " + host === ${JSON.stringify(told)}) return "PROXY right:1"; return "PROXY wrong:1";`,
    );

    expect(await candidates(new URL(target))).toEqual(['http://right:1']);
  });
});

describe('PAC files: evaluation', () => {
  it('PAC files: the least recently used are dropped when many others were evaluated', async () => {
    const asked: string[] = [];
    const fetch = ({ pathname }: URL) => {
      asked.push(pathname);
      return Promise.reject(new Error('nobody is there'));
    };
    const source = new PacCandidates({ clock: new FakeClock(), report: () => undefined, fetch }).source({
      proxy_required: true,
    });
    const ask = (name: string) => {
      const pac = { url: `http://wpad.example/${name}` };
      const profile: ProxyProfile = {
        ...{ name: 'corp', port: 80, default: true },
        scheme: 'pac',
        pac,
        authentication: 'transparent',
      };
      return source.candidatesFor(profile, url, { purpose: 'updates', signal }).catch(() => undefined);
    };
    await ask('first');
    for (let other = 1; other < MAX_PAC_FILES; other += 1) await ask(String(other));
    await ask('first');
    expect(asked).toHaveLength(MAX_PAC_FILES);
    for (let other = 1; other <= MAX_PAC_FILES; other += 1) await ask(`new-${other}`);
    await ask('first');
    expect(asked.filter((path) => path === '/first')).toHaveLength(2);
  });
});

describe('PAC files: a result', () => {
  it('is valid for five minutes, as long as the file is the same', async () => {
    const clock = new FakeClock();
    const { candidates, events, write } = await rig('return "PROXY a:1";', { clock });
    await candidates();
    await candidates();
    expect(namesOf(events)).toEqual(['pac-answered']);
    clock.advance(ANSWER_MS);
    await candidates();
    expect(namesOf(events)).toEqual(['pac-answered', 'pac-answered']);
    await write('return "PROXY b:1";');
    expect(await candidates()).toEqual(['http://b:1']);
  });

  it('a PAC failure: it names the file and the target without path and query', async () => {
    const { candidates, events, file } = await rig('return "PROXY a:1; QUIC b:2; DIRECT";');
    await candidates();

    expect(events).toEqual([
      { name: 'pac-left-out', ...UPDATER, where: file, parts: ['QUIC b:2'] },
      {
        name: 'pac-answered',
        ...UPDATER,
        where: file,
        ways: ['PROXY a:1', 'DIRECT'],
        url: 'https://updates.example:8443/',
      },
    ]);
  });

  it('is known after an evaluation, and not before', async () => {
    const { candidates, known } = await rig('return "PROXY a:1";');
    expect(known()).toBeNull();
    await candidates();
    expect(known()).toMatchObject([{ kind: 'proxy', hop: { url: 'http://a:1' } }]);
  });

  it.each([
    ['', 'PAC-ANSWER'],
    ['return "";', 'PAC-ANSWER'],
    ['return "QUIC a:1";', 'PAC-ANSWER'],
    ['return 5;', 'PAC-ANSWER'],
    ['throw new Error("x");', 'PAC-FAILED'],
    ['let x = ;', 'PAC-SYNTAX'],
    ['<html> function', 'PAC-SYNTAX'],
  ])('that is unusable is a failure and never direct: %s', async (body, code) => {
    const { candidates } = await rig(body);

    expect(await candidates()).toBe(code);
  });

  it('that never arrives is a failure at the limit', async () => {
    const { candidates } = await rig('while (true);', { limitMs: 300 });

    expect(await candidates()).toBe('PAC-TIMEOUT');
  });
});

describe('PAC files: a new version that is broken', () => {
  it.each(['let x = ;', 'throw new Error("x");', 'return null;', '<html> function'])(
    'is skipped for the last good one and logged once: %s',
    async (broken) => {
      const { candidates, write, events } = await rig('return "PROXY a:1";');
      await candidates();
      await write(broken);

      expect(await candidates()).toEqual(['http://a:1']);
      expect(await candidates()).toEqual(['http://a:1']);
      expect(namesOf(events)).toEqual(['pac-answered', 'pac-kept', 'pac-answered']);
      await write('return "PROXY b:1";');
      expect(await candidates()).toEqual(['http://b:1']);
    },
  );

  it('a PAC failure: if the file is gone, the last version is used, and that is logged once', async () => {
    const { candidates, file, events } = await rig('return "PROXY a:1";');
    await candidates();
    await rm(file);

    expect(await candidates()).toEqual(['http://a:1']);
    expect(await candidates()).toEqual(['http://a:1']);
    expect(namesOf(events)).toEqual(['pac-answered', 'pac-kept']);
  });
});

it('PAC look-ups: proxy_required prevents and logs the resolution of target names', async () => {
  const body =
    'return dnsResolve("localhost") === null && !isInNet("localhost", "127.0.0.0", "255.0.0.0") ? "PROXY a:1" : "DIRECT";';
  const strict = await rig(body, { required: true });
  expect(await strict.candidates()).toEqual(['http://a:1']);
  expect(strict.events[0]).toEqual({
    name: 'pac-names-withheld',
    ...UPDATER,
    where: strict.file,
    names: ['localhost'],
  });

  const open = await rig(body);
  expect(await open.candidates()).toEqual(['direct']);
});
