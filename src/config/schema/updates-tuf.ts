// Keys of section `updates` about signed feeds: the repository, its first root, and the mirrors inside the network.

import { z } from 'zod';
import { describeKey, validatedText } from './key.ts';
import { filePath, PATH_ALLOWED } from './leaves.ts';
import { validateUrlText } from './values.ts';

/** TUF sets no limit; file systems allow 255 bytes for each part and 4,096 for a path. */
const MAX_TARGET_PATH = 1_024;
const baseUrl = validatedText(validateBaseUrl);
export const signedTargetPath = validatedText(validateTargetPath);
const BASE_ALLOWED = 'an https or http URL of a folder, without user, password, query and fragment';
const MAX_FEEDS = 16;
const MAX_MIRRORS = 16;

const TARGETS_URL = {
  title: 'Targets URL',
  description:
    'The folder that contains the files themselves: the feed and the packages. Their names begin with a digest if the repository has consistent snapshots.',
  allowed: BASE_ALLOWED,
  absent: 'the folder targets next to the folder of the metadata',
  effect: 'next_transfer',
  setBy: 'root',
} as const;

const mirror = z.strictObject({
  metadata_url: describeKey(baseUrl, {
    title: 'Metadata URL of the mirror',
    description: 'The folder of the mirror that contains the metadata.',
    allowed: BASE_ALLOWED,
    example: 'http://mirror.example.com/metadata/',
    effect: 'next_transfer',
    setBy: 'root',
  }),
  targets_url: describeKey(baseUrl.optional(), { ...TARGETS_URL, example: 'http://mirror.example.com/targets/' }),
});

const tuf = z.strictObject({
  metadata_url: describeKey(baseUrl, {
    title: 'Metadata URL',
    description:
      'The folder of the repository of the vendor that contains the metadata, such as timestamp.json. It may use plain HTTP, because the metadata is signed. Tokens and headers are sent only to its origin.',
    allowed: BASE_ALLOWED,
    example: 'https://updates.example.com/metadata/',
    effect: 'next_transfer',
    setBy: 'root',
  }),
  targets_url: describeKey(baseUrl.optional(), { ...TARGETS_URL, example: 'https://updates.example.com/targets/' }),
  root_file: describeKey(filePath.optional(), {
    title: 'Root file',
    description:
      'The first root metadata that is trusted (root.json), received from the vendor in a trustworthy way. Sallyport uses this file only until it has stored a root. It accepts a later root only if the stored root has signed it.',
    allowed: PATH_ALLOWED,
    absent: 'the root that was imported with `sallyport trust import`',
    example: '/etc/sallyport/root.json',
    effect: 'next_transfer',
    setBy: 'root',
  }),
  feed_target: describeKey(
    z.union([signedTargetPath, z.array(signedTargetPath).min(1).max(MAX_FEEDS)]).default('feed.json'),
    {
      title: 'Feed target',
      description:
        'Path of the feed among the signed files (targets) of the repository. With several paths, such as one for each team of the vendor, their updates are merged. A package that two feeds list is refused.',
      allowed: `a path such as feed.json, or a list of at most ${MAX_FEEDS} paths`,
      example: ['feed.json', 'team-b/feed.json'],
      effect: 'next_transfer',
      setBy: 'root',
    },
  ),
  mirrors: describeKey(z.array(mirror).max(MAX_MIRRORS).default([]), {
    title: 'Mirrors',
    description:
      'Copies of the repository, tried in this order before metadata_url. A mirror that cannot be reached, or has older metadata than this host has accepted, is skipped. Mirrors do not have to be trusted, and never receive tokens or headers.',
    allowed: `a list of at most ${MAX_MIRRORS} mirrors, each with metadata_url and, if needed, targets_url`,
    example: [{ metadata_url: 'http://mirror.example.com/metadata/' }],
    effect: 'next_transfer',
    setBy: 'root',
  }),
});

/** How the content of updates is trusted. */
export const signedFeedKeys = {
  trust: describeKey(z.enum(['tls', 'tuf']).default('tls'), {
    title: 'Trust',
    description:
      'Why the content of updates is trusted. tls: the feed comes from its server over TLS, so anyone who controls the server, or can decrypt the connection, controls the updates. tuf (The Update Framework): the vendor has signed the feed and every package, so the proxies, caches and mirrors do not have to be trusted.',
    effect: 'next_transfer',
    setBy: 'root',
  }),
  tuf: describeKey(tuf.optional(), {
    title: 'Signed feed',
    description: 'The repository of a signed feed. Needed with trust: tuf.',
    allowed: 'metadata_url and, if needed, targets_url, root_file, feed_target and mirrors',
    absent: 'there is no signed feed',
    effect: 'next_transfer',
    setBy: 'root',
  }),
  trust_downgrade: describeKey(z.boolean().default(false), {
    title: 'Trust downgrade',
    description:
      'Whether this host may return to trust: tls after it has accepted a signed feed. If false, every check then fails with TRUST-DOWNGRADE.',
    effect: 'next_transfer',
    setBy: 'root',
  }),
};

/** The URL of a folder. A missing slash at its end is added when it is used. */
function validateBaseUrl(text: string): string | null {
  const wrong = validateUrlText(text, ['https', 'http']);
  if (wrong !== null) return wrong;
  const { search, pathname } = new URL(text);
  if (search !== '' || text.includes('?')) return 'Remove the query from the URL: the names of files are appended.';
  return pathname.endsWith('.json') ? 'Write the URL of the folder, without the name of a file in it.' : null;
}

/** The path of a target, as the metadata of TUF spells it: relative, with `/` between its parts. */
function validateTargetPath(text: string): string | null {
  if (text === '') return 'The path is empty.';
  if (text.length > MAX_TARGET_PATH) return `A path has at most ${MAX_TARGET_PATH} characters.`;
  if (/[\p{Cc}\\]/u.test(text)) return 'A path cannot contain control characters or backslashes.';
  if (text.startsWith('/') || text.endsWith('/') || text.split('/').some((part) => /^\.{0,2}$/.test(part)))
    return 'Write a relative path without the parts . and .., such as feed.json or team-b/feed.json.';
  return null;
}
