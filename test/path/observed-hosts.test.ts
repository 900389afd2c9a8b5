import { describe, expect, it } from 'vitest';
import { PathHabits, peekHosts } from '#path/habits.ts';
import { HOST_KEPT_MS, MAX_HOSTS, MAX_PER_DOCUMENT, type ObservedHost, withObservation } from '#path/observed-hosts.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { createRedactor } from '#redaction/redact.ts';
import { Secret } from '#redaction/secret.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const PATH = '/state/paths.json';
const DAY_MS = 86_400_000;

function leading(hosts: readonly ObservedHost[], now: number, ...urls: string[]): ObservedHost[] {
  return withObservation(hosts, { purpose: 'updates', by: 'feed', urls: urls.map((url) => new URL(url)) }, now);
}

const origins = (hosts: readonly ObservedHost[]) => hosts.map(({ origin }) => origin);

describe('observed hosts', () => {
  it('has each host once, by scheme, name and port, with its latest time', () => {
    const first = leading([], 1, 'https://a.example.com/x', 'https://a.example.com/y', 'http://b.example.com:81/');
    const then = leading(first, 2, 'https://a.example.com/z');

    expect(then).toEqual([
      { purpose: 'updates', origin: 'http://b.example.com:81', by: 'feed', seen_at: 1 },
      { purpose: 'updates', origin: 'https://a.example.com', by: 'feed', seen_at: 2 },
    ]);
  });

  it('has no other part of the URL', () => {
    const kept = leading([], 1, 'https://user:secret@a.example.com/path?token=1#part');
    expect(JSON.stringify(kept)).not.toMatch(/user|secret|path|token|part/);
  });

  it('has only hosts that are requested over HTTP', () => {
    expect(leading([], 1, 'ftp://a.example.com/', 'data:text/plain,x', 'file:///etc/passwd')).toEqual([]);
  });

  it('drops a host that nothing led to for half a year', () => {
    const first = leading([], 0, 'https://a.example.com/', 'https://b.example.com/');
    const later = leading(first, HOST_KEPT_MS - DAY_MS, 'https://a.example.com/');
    expect(origins(leading(later, HOST_KEPT_MS, 'https://c.example.com/'))).toEqual([
      'https://a.example.com',
      'https://c.example.com',
    ]);
  });

  it('is limited, for one document and in total, earlier entries included', () => {
    const flood = (from: number) => Array.from({ length: 500 }, (_, n) => `https://h${from + n}.example.com/`);
    let hosts = leading([], 1, ...flood(0));
    expect(hosts).toHaveLength(MAX_PER_DOCUMENT);
    for (let round = 1; round <= 20; round += 1) hosts = leading(hosts, round, ...flood(round * 1_000));
    expect(hosts).toHaveLength(MAX_HOSTS);
    expect(hosts.at(-1)?.origin).toBe('https://h20031.example.com');
  });
});

describe('the store of observed hosts', () => {
  async function open(files: CrashingFiles, known = new KnownSecrets()) {
    const habits = new PathHabits(files, PATH, { clock: new FakeClock(), redactor: createRedactor(known) });
    return { habits, error: await habits.load() };
  }
  const lead = (habits: PathHabits, url: string) =>
    habits.ledTo({ purpose: 'updates', by: 'redirect', urls: [new URL(url)] });

  it('returns them after a restart, and to a read-only reader', async () => {
    const files = new CrashingFiles();
    files.plantFolder('/state');
    const { habits } = await open(files);
    lead(habits, 'https://a.example.com/');
    lead(habits, 'https://b.example.com/');
    await habits.save();

    const { habits: again, error } = await open(files);
    expect(error).toBeNull();
    expect(origins(again.hosts())).toEqual(['https://b.example.com', 'https://a.example.com']);
    expect(origins((await peekHosts(files, PATH)) ?? [])).toEqual(['https://a.example.com', 'https://b.example.com']);
  });

  it('reads the file of an earlier version, which has none', async () => {
    const files = new CrashingFiles();
    files.plantFile(PATH, '{"routes":[],"format":2}');
    const { habits, error } = await open(files);
    expect([error, habits.hosts(), await peekHosts(files, PATH)]).toEqual([null, [], []]);
  });

  it('reports to a read-only reader that it is unreadable', async () => {
    const files = new CrashingFiles();
    files.plantFile(PATH, '{"routes":[{}],"format":2}');
    expect(await peekHosts(files, PATH)).toBeNull();
    expect(files.names()).toEqual([PATH]);
    expect(await peekHosts(new CrashingFiles(), PATH)).toEqual([]);
  });

  it('does not accept a name that contains one of our secrets', async () => {
    const known = new KnownSecrets();
    known.add(new Secret('open-sesame-7'));
    const { habits } = await open(new CrashingFiles(), known);
    lead(habits, 'https://open-sesame-7.example.com/');
    expect(habits.hosts()).toEqual([]);
  });
});
