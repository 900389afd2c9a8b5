// Generates docs/configuration.md: the reference of every key, the ways to write secrets, and sample error messages.

import type { Effect, Setter } from '#config/schema/key.ts';
import { type KeyGroup, type ListedKey, listGroups, withInner } from './keys.ts';
import { sentence } from './text.ts';

const EFFECTS: Readonly<Record<Effect, string>> = {
  now: 'at once',
  next_transfer: 'at the next transfer',
  restart: 'after a restart',
};

const SETTERS: Readonly<Record<Setter, string>> = { operator: 'operator', admin: 'admin', root: 'root' };

/** A file with two errors, and the messages for it. A test checks that they match. */
export const SAMPLE_MISTAKES = {
  file: 'version: 2\nupdates:\n  shedule: 0 3 * * *\nresponse_timeout:\n  base_ms: 999\n',
  said: [
    'sallyport.yaml:3:3: updates.shedule: Unknown key. Did you mean schedule?',
    'sallyport.yaml:5:12: response_timeout.base_ms: Out of range; must be 1000 to 2147483647. Found: 999.',
  ],
} as const;

const HEAD = `# Configuration

<!-- Generated from the schema by \`npm run generate\`; do not edit. -->

Sallyport reads one configuration file: the file that \`--config\` names. Without this option, it reads
\`/etc/sallyport/sallyport.yaml\` if Sallyport is installed, or \`config/sallyport.yaml\` in a checkout. The file is YAML 1.2 in
UTF-8 and begins with \`version: 2\`. It may have at most 1 MiB and, in total, at most 18,432 lines, keys, list items and
quotes. Start from [sallyport.example.yaml](../config/sallyport.example.yaml). With
[sallyport.schema.json](../config/sallyport.schema.json), an editor can complete and check the file. Aliases (\`*name\`) and
tags (\`!name\`) are not supported. A relative path is relative to the folder of the configuration file. A section without
keys is the same as no section.

\`sallyport config check\` reports all errors of the file at once. \`sallyport config show\` shows each key with its value, and
where the value comes from.

A running daemon reads a changed file automatically, and also on SIGHUP. **Takes effect** says when the daemon begins to use
a changed value. Sallyport also reads files of the previous format version, in which some keys have other names, and logs a
warning for each of these keys. \`sallyport config upgrade\` converts such a file.

**Set by** says who may change the key. A user who can write the file may change every key. Members of the group
\`sallyport-admin\` can change the keys marked operator or admin with a command, see
[The change service](install.md#the-change-service). Only users who can write the file can change the keys marked root: paths,
sources of secrets, certificate authorities, URLs and sockets.

## Secrets

A secret is written in one of four ways:

| Written | Value |
| --- | --- |
| \`{file: secrets/proxy-password}\` | The content of the file: UTF-8, at most 64 KiB. A line break at the end is removed. |
| \`{env: PROXY_PASSWORD}\` | The value of the environment variable. |
| \`{credential: proxy-password}\` | The file with that name in \`$CREDENTIALS_DIRECTORY\`, which systemd provides with \`LoadCredential=\`. |
| \`'the value itself'\` | The text itself, always in quotes. There is a warning if the group or every user can read the file. |

Sallyport reads a secret file again when it changes, like every file that the configuration names. A process receives
variables and credentials only when it starts, so a new value of one of them needs a restart.

Secrets are shown as \`***\` in every output. Their values are also masked in other texts, in the usual encodings. A value
with fewer than four characters cannot be masked, so there is a warning. There is also a warning if every user can read
the secret file.

## Mistakes

Each message shows file, line, column and key, then what is wrong, what was found, what is allowed, and what you
probably meant. Values of secrets are never shown. For this file

\`\`\`yaml
${SAMPLE_MISTAKES.file}\`\`\`

the messages are as follows (without the allowed values):

\`\`\`
${SAMPLE_MISTAKES.said.join('\n')}
\`\`\`
`;

/** The text of the file. */
export function makeReference(): string {
  return [HEAD, ...mergeRootGroups(listGroups()).map(groupText)].join('\n');
}

/** Consecutive keys at the left margin share one chapter. */
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
