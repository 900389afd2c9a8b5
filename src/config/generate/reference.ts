// docs/configuration.md: the reference of every key, how secrets are written, and what a mistake looks like.

import type { Effect, Setter } from '#config/schema/key.ts';
import { type KeyGroup, type ListedKey, listGroups } from './keys.ts';
import { sentence } from './text.ts';

const EFFECTS: Readonly<Record<Effect, string>> = {
  now: 'at once',
  next_transfer: 'with the next transfer',
  restart: 'after a restart',
};

const SETTERS: Readonly<Record<Setter, string>> = { operator: 'operator', admin: 'admin', root: 'root' };

/** A file with two mistakes, and what is said of it; a test compares the two. */
export const SAMPLE_MISTAKES = {
  file: 'version: 2\nupdates:\n  shedule: 0 3 * * *\nresponse_timeout:\n  base_ms: 999\n',
  said: [
    'sallyport.yaml:3:3: updates.shedule: This key is not known here. Did you mean schedule?',
    'sallyport.yaml:5:12: response_timeout.base_ms: Out of range; it is 1000 to 2147483647. Found: 999.',
  ],
} as const;

const HEAD = `# Configuration

<!-- Generated from the schema by \`npm run generate\`; do not edit. -->

Sallyport reads one file: the one named by \`--config\`, else \`/etc/sallyport/sallyport.yaml\` where it is installed, or
\`config/sallyport.yaml\` in a checkout. It is YAML 1.2 in UTF-8, at most 1 MiB with at most 16,384
lines, keys, list items and quotes together, and begins with \`version: 2\`. Start from
[sallyport.example.yaml](../config/sallyport.example.yaml); editors complete and check it with
[sallyport.schema.json](../config/sallyport.schema.json). Aliases (\`*name\`) and tags (\`!name\`) are not taken. A relative
path starts at the folder of the file. A section without keys is the same as an absent one.

\`sallyport config check\` reports every mistake at once; \`sallyport config show\` shows each effective value and where it
came from.

A running daemon reads a changed file by itself, and at SIGHUP; **takes effect** says when a changed value is used from
then on. A key that a later \`version\` renames is read by its old name, with a notice, until the version after that.

**Set by** says who may change it from a menu or console: an operator, an admin, or root. Paths, secret sources,
authorities, endpoints and listeners are root's.

## Secrets

A secret is written in one of four ways:

| Written | Value |
| --- | --- |
| \`{file: secrets/proxy-password}\` | The file's content, UTF-8, at most 64 KiB. One line break at its end is dropped. |
| \`{env: PROXY_PASSWORD}\` | The environment variable. |
| \`{credential: proxy-password}\` | The file of that name in \`$CREDENTIALS_DIRECTORY\`, as \`LoadCredential=\` of systemd sets it up. |
| \`'the value itself'\` | Inline, always in quotes. A warning when the group or every user can read the file. |

A changed secret file is read again by itself, as is every file that the configuration names. A variable and a credential
are given to the process when it starts: a new value of one of them needs a restart.

Secrets show as \`***\` in every output. A value that turns up in a text is masked in its usual encodings as well; one of
fewer than four characters cannot be, which is a warning. A file that every user can read is a warning, too.

## Mistakes

Each line has file, line, column and key, then what is wrong, what was found, what is allowed, and what was probably
meant. Values of secrets are never shown. For this file

\`\`\`yaml
${SAMPLE_MISTAKES.file}\`\`\`

the lines begin like this (what is allowed is left out here):

\`\`\`
${SAMPLE_MISTAKES.said.join('\n')}
\`\`\`
`;

/** The file's text. */
export function makeReference(): string {
  return [HEAD, ...mergeRootGroups(listGroups()).map(groupText)].join('\n');
}

/** Keys at the left margin that follow each other share a chapter. */
function mergeRootGroups(groups: readonly KeyGroup[]): KeyGroup[] {
  const merged: KeyGroup[] = [];
  for (const group of groups) {
    const last = merged.at(-1);
    if (group.name === '' && last?.name === '')
      merged[merged.length - 1] = { ...last, keys: [...last.keys, ...group.keys] };
    else merged.push(group);
  }
  return merged;
}

function groupText(group: KeyGroup): string {
  const keys = group.keys.flatMap(withInner);
  const heading =
    group.name === ''
      ? keys
          .filter(isAtMargin)
          .map(({ name }) => `\`${name}\``)
          .join(', ')
      : `\`${group.name}\``;
  const intro = group.description === '' ? [] : [group.description, ''];
  return [`## ${heading}`, '', ...intro, ...tableOf(keys), '', ...keys.map(keyText)].join('\n');
}

function isAtMargin({ name }: ListedKey): boolean {
  return !/[.[]/.test(name);
}

function withInner(key: ListedKey): ListedKey[] {
  return [key, ...key.inner.flatMap(withInner)];
}

function tableOf(keys: readonly ListedKey[]): string[] {
  const rows = keys.map(({ name, facts, fallback }) => {
    const cells = [
      `\`${name}\``,
      defaultOf(fallback),
      facts?.unit ?? '',
      EFFECTS[facts?.effect ?? 'now'],
      SETTERS[facts?.setBy ?? 'root'],
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return ['| Key | Default | Unit | Takes effect | Set by |', '| --- | --- | --- | --- | --- |', ...rows];
}

function keyText({ name, facts, fallback }: ListedKey): string {
  if (facts === undefined) return '';
  const lines = [
    `- Allowed: ${escapeTable(facts.allowed)}`,
    `- Default: ${defaultOf(fallback)}${facts.absent === null ? '' : ` (${facts.absent})`}`,
    ...(facts.unit === null ? [] : [`- Unit: ${facts.unit}`]),
    `- Secret: ${facts.secret ? 'yes' : 'no'}`,
    `- Takes effect: ${EFFECTS[facts.effect]}`,
    `- Set by: ${SETTERS[facts.setBy]}`,
  ];
  return [`### \`${name}\``, '', `${facts.title}. ${sentence(facts.description)}`, '', ...lines, ''].join('\n');
}

function defaultOf(fallback: unknown): string {
  return fallback === undefined ? 'none' : `\`${typeof fallback === 'string' ? fallback : JSON.stringify(fallback)}\``;
}

function escapeTable(text: string): string {
  return text.replaceAll(/[*_<>]/g, '\\$&');
}
