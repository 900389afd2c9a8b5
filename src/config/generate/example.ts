// Generates config/sallyport.example.yaml: every key with its default, and a sample profile, all commented out.
//
// `# words` is a comment; `#key: value` is a key, and removing the # activates it. The file can be loaded without
// errors, both unchanged and with every key activated. A test checks this.

import { stringify } from 'yaml';
import { FORMAT_VERSION } from '#config/schema/settings.ts';
import { type KeyGroup, type ListedKey, listGroups } from './keys.ts';
import { sentence, wrap } from './text.ts';

const WIDTH = 100;

const HEAD = `# yaml-language-server: $schema=./sallyport.schema.json
#
# Sallyport: every key of the configuration. This file is generated from the schema; do not edit it.
# Copy it to sallyport.yaml in the same folder, or to /etc/sallyport/sallyport.yaml if Sallyport is
# installed, and change the copy.
#
# Each key is shown with its default, or with an example if it has no default. To set a key, remove
# the # in front of it. Then run: sallyport config check
# docs/configuration.md describes each key and the ways to write secrets.
`;

/** The text of the file. */
export function makeExample(): string {
  const blocks = listGroups().map((group) => (group.name === '' ? group.keys.flatMap(rootLines) : sectionLines(group)));
  return `${[HEAD, ...blocks.map((lines) => `${lines.join('\n')}\n`)].join('\n')}`;
}

function rootLines(key: ListedKey): string[] {
  if (key.name === 'version') return [...comment(key, ''), `version: ${flow(FORMAT_VERSION)}`];
  return keyLines(key, '');
}

function sectionLines(group: KeyGroup): string[] {
  const keys = group.keys.flatMap((key) => ['', ...keyLines(key, '  ')]);
  return [...wrap(`${group.title}. ${group.description}`, '# ', WIDTH), `${group.name}:`, ...keys.slice(1)];
}

/** `mark` is the dash of a list entry. Comments have the indentation of the key itself. */
function keyLines(key: ListedKey, indent: string, mark = ''): string[] {
  const name = lastName(key);
  const deep = `${indent}${mark === '' ? '' : '  '}`;
  const commentLines = comment(key, deep);
  if (key.inner.length === 0) return [...commentLines, `${indent}#${mark}${name}: ${flow(shownValue(key))}`];
  const isList = key.inner.some((inner) => inner.name.startsWith(`${key.name}[]`));
  const inner = key.inner.flatMap((part, index) => {
    if (!isList) return keyLines(part, `${deep}  `);
    return index === 0 ? keyLines(part, `${deep}  `, '- ') : keyLines(part, `${deep}    `);
  });
  return [...commentLines, `${indent}#${mark}${name}:`, ...inner];
}

function comment({ facts }: ListedKey, indent: string): string[] {
  if (facts === undefined) return [];
  const unit = facts.unit === null ? '' : ` ${facts.unit}`;
  const absent = facts.absent === null ? '' : ` If not set: ${facts.absent}.`;
  return wrap(`${facts.description} ${sentence(`allowed: ${facts.allowed}${unit}`)}${absent}`, `${indent}# `, WIDTH);
}

/** The example if there is one, otherwise the default. */
function shownValue({ facts, fallback }: ListedKey): unknown {
  return facts?.example ?? fallback;
}

function lastName(key: ListedKey): string {
  return key.name.split('.').at(-1) ?? key.name;
}

function flow(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0, singleQuote: true }).trimEnd();
}
