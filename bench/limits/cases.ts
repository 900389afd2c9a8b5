// The work that Sallyport does with input from outside. Each input is at its limit and in its most expensive form.

import { statusCommand } from '#cli/status.ts';
import { readDocument } from '#config/reading/document.ts';
import { wrongIndentation } from '#config/reading/indentation.ts';
import { MAX_YAML_SIGNS } from '#config/reading/yaml-shape.ts';
import { MAX_NO_PROXY_LENGTH } from '#config/schema/values.ts';
import { matchNoProxy } from '#config/values/no-proxy.ts';
import { readPacAnswer } from '#proxy/pac/directives.ts';
import { ANSWER_BYTES } from '#proxy/pac/question.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { aStatus, fakeControl } from '#test/support/fake-control.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';
import { feedOf } from '#test/support/jars.ts';
import { layeredFeed, worstItem } from '#test/support/worst-feeds.ts';
import { decide } from '#updates/feed/decide.ts';
import { FEED_LIMITS, type FeedItem, parseFeed } from '#updates/feed/feed-document.ts';
import { UpdatesMemory } from '#updates/memory.ts';
import { choosePrunable } from '#updates/package/prune.ts';

/** One decision; `make` prepares its input for a share of the limit, and returns the work alone. */
export interface Case {
  readonly name: string;
  readonly make: (share: number) => () => unknown;
  /** The maximum ratio to the cost at a tenth of the limit; 12 by default. */
  readonly maxRatio?: number;
}

const times = <T>(count: number, one: (index: number) => T): T[] =>
  Array.from({ length: Math.max(1, Math.round(count)) }, (_none, index) => one(index));

const decideAbout = (items: readonly FeedItem[]) => () =>
  decide({
    items,
    known: () => null,
    channel: 'stable',
    productUpdates: true,
    maxPackageBytes: 1_000_000,
    agent: { id: 'agent-1', version: '1.0.0' },
  });

const feedBytes = (...fields: Parameters<typeof feedOf>) => Buffer.from(feedOf(...fields));

/** More than a line of the hook, a note or any other field can have. */
const MAX_TEXT_LENGTH = 262_144;
const known = new KnownSecrets();
for (const secret of times(200, (n) => `${n.toString(36)}-Secret-of-grüße-${n * n}`)) known.add(secret);
const redact = (text: string) => () => known.redact(text);

const PATHS = 256;
const PROFILES = 64;
const MAX_IDS = 100_000;
const MAX_STORED = 10_000;
const HOSTS = 128;

export const CASES: readonly Case[] = [
  {
    name: 'configuration: look for a wrong indentation in 80,000 lines',
    make: (share) => {
      const text = 'a:\n'.concat('  bb: 1 # x\n'.repeat(80_000 * share));
      return () => wrongIndentation(text);
    },
  },
  {
    name: 'feed: read 2,000 items with 16 requirements',
    make: (share) => {
      const bytes = feedBytes(layeredFeed(share).map((item) => ({ ...item, notes: 'x'.repeat(1_200) })));
      return () => parseFeed(bytes);
    },
  },
  {
    name: 'feed: as many values as are taken',
    make: (share) => {
      const more = times((FEED_LIMITS.values - 100) * share * 0.5, () => []);
      const bytes = feedBytes([], { more });
      return () => parseFeed(bytes);
    },
  },
  {
    name: 'feed: 4 MiB of one string',
    make: (share) => {
      const bytes = feedBytes([], { more: '\\'.repeat((FEED_LIMITS.documentBytes * share) / 2 - 200) });
      return () => parseFeed(bytes);
    },
  },
  { name: 'decide: 16 layers, all of which can be fetched', make: (share) => decideAbout(wideFeed(share)) },
  {
    name: 'decide: a missing requirement in each item',
    make: (share) =>
      decideAbout(times(FEED_LIMITS.items * share, (n) => worstItem(`i${n}`, { requires: [`gone-${n}`] }))),
  },
  {
    name: 'decide: one circle of all items',
    make: (share) => {
      const count = Math.round(FEED_LIMITS.items * share);
      return decideAbout(times(count, (n) => worstItem(`i${n}`, { requires: [`i${(n + 1) % count}`] })));
    },
  },
  {
    name: 'memory: a feed of new ids with 100,000 known ones',
    make: (share) => {
      const memory = new UpdatesMemory(new CrashingFiles(), '/updates.json');
      const sha256 = 'a'.repeat(64);
      for (const n of times(MAX_IDS, (index) => index)) memory.setId(`p${n}`, { sha256, fate: 'published' });
      let next = 0;
      return () => {
        for (let n = 0; n < FEED_LIMITS.items * share; n += 1) {
          memory.setId(`n${next}`, { sha256, fate: 'seen' });
          next += 1;
        }
      };
    },
  },
  {
    name: 'prune: 10,000 packages',
    // It sorts: n log n alone is 13 times as much.
    maxRatio: 15,
    make: (share) => {
      const stored = times(MAX_STORED * share, (n) => ({
        id: `i${n}`,
        package: `p${n % 100}`,
        sequence: n,
        length: 1_000,
        releasedMs: (n * 7_919) % 10_007,
      }));
      return () => choosePrunable(stored, { keepVersions: 1_000, maxBytes: 1 });
    },
  },
  { name: 'redaction: 256 KiB of log lines, 200 secrets', make: (share) => redact(lines(share)) },
  { name: 'redaction: 256 KiB of escapes', make: (share) => redact('%25'.repeat((MAX_TEXT_LENGTH * share) / 3)) },
  {
    name: 'redaction: 256 KiB of mixed escapes',
    make: (share) => redact('%5C&#92;'.repeat((MAX_TEXT_LENGTH * share) / 8)),
  },
  {
    name: 'redaction: 256 KiB of one secret',
    make: (share) => redact('0-Secret-of-grüße-0'.repeat((MAX_TEXT_LENGTH * share) / 19)),
  },
  { name: 'YAML: as many keys as are taken', make: yaml((n) => `k${n}: 1\n`, 2) },
  { name: 'YAML: as many lists in a list', make: yaml(() => '[],', 2, 'a: [') },
  { name: 'YAML: as many quotes', make: yaml(() => '"" ', 2, 'a: ') },
  { name: 'YAML: as many anchors', make: yaml((n) => `k${n}: &a${n} 1\n`, 3) },
  {
    name: 'no_proxy: the longest list, 128 hosts',
    make: (share) => {
      const tokens = times((MAX_NO_PROXY_LENGTH * share) / 20, (n) => `h${String(n).padStart(5, '0')}.example.com`);
      const list = tokens.join(',').slice(0, MAX_NO_PROXY_LENGTH);
      const hosts = times(HOSTS, (n) => ({ host: `a.b.c.d.e.f.${n}.example.org`, port: 443 }));
      return () => hosts.map((host) => matchNoProxy(list, host));
    },
  },
  {
    name: 'PAC: the longest answer, a thousand times',
    make: (share) => {
      const answer = 'PROXY a:1;'.repeat((ANSWER_BYTES * share) / 10);
      return () => times(1_000, () => readPacAnswer(answer));
    },
  },
  {
    name: 'status: 256 paths, 64 routes',
    make: (share) => {
      const status = aStatus();
      const [route] = status.routes;
      const large = {
        ...status,
        paths: times(PATHS * share, (n) => ({
          proxy: `http://proxy-${n}.example.com:3128`,
          origin: `https://origin-${n}.example.com`,
          seen: status.at,
          via: '1.1 proxy'.repeat(20),
          ranges_work: true,
          ranges_at: status.at,
          etag: 'strong' as const,
          kind: 'streams',
          limits: [],
        })),
        routes: route === undefined ? [] : times(PROFILES * share, () => route),
      };
      const control = fakeControl({ status: () => Promise.resolve(large) });
      return () => statusCommand(control, fakeTerminal(), { json: false, verbose: true });
    },
  },
];

/** The maximum number of chains of the maximum length, with the maximum number of paths: each requires 12 of the layer below. */
function wideFeed(share: number): FeedItem[] {
  const [layers, width, requires] = [16, Math.floor((FEED_LIMITS.items * share) / 16), 12];
  return times(layers * width, (index) => {
    const layer = Math.floor(index / width);
    const below = layer === 0 ? [] : times(requires, (n) => `i${layer - 1}-${(index + n) % width}`);
    return worstItem(`i${layer}-${index % width}`, { requires: below });
  });
}

function lines(share: number): string {
  const line = '2026-11-20T00:04:10 [INFO] [Thread: Updater] Connected to https://updates.example.com/a%20b?c=d&e=f. ';
  return line.repeat((MAX_TEXT_LENGTH * share) / line.length);
}

/** `signs`: how many of those that count one unit has. */
function yaml(unit: (n: number) => string, signs: number, head = ''): Case['make'] {
  return (share) => {
    const text = `version: 2\n${head}${times(((MAX_YAML_SIGNS - 10) / signs) * share, unit).join('')}`;
    return () => readDocument(text);
  };
}
