// Makes the data of shell completion from the commands of the program and the keys of the configuration, so that
// completing a word loads neither the parser nor the schema.

import type { Command, Option } from 'commander';
import type { z } from 'zod';
import type { CompletedValue, CompletionTree } from '#cli/completion/tree.ts';
import { type Actions, describeProgram } from '#cli/program/program.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import { listKeys } from '#config/generate/keys.ts';
import { unwrap } from '#config/schema/key.ts';

/** What an argument or the value of an option is, by its place in the help. */
const PLACES: Readonly<Record<string, CompletedValue>> = {
  dir: 'dirs',
  draft: 'files',
  file: 'files',
  license: 'files',
  path: 'files',
  request: 'files',
  root: 'files',
  'true|false': ['true', 'false'],
};
/** The same for places that mean something else in each command. */
const PLACES_OF: Readonly<Record<string, CompletedValue>> = {
  'config set key': 'keys',
  'config set value': 'key-value',
  'logs --id': 'ids',
  'proxy add --fallback': 'profiles',
  'proxy change --fallback': 'profiles',
  'proxy default name': 'profiles',
  'proxy delete --new-default': 'profiles-or-none',
  'proxy delete name': 'profiles',
  'proxy edit --fallback': 'profiles',
  'proxy edit name': 'profiles',
  'proxy show name': 'profiles',
  'proxy test name': 'profiles',
  'queue ls --kind': ['receipt', 'batch', 'bundle'],
  'queue retry --kind': ['receipt', 'batch', 'bundle'],
  'queue verify --kind': ['receipt', 'batch', 'bundle'],
  'route set use': 'route',
  'send-logs show file': 'nothing',
  'updates hook id': 'ids',
  'updates publish id': 'ids',
};

/** Every command with its options, and every key that `config set` accepts. */
async function makeCompletionTree(): Promise<CompletionTree> {
  const made = { actions: {} as Actions, terminal: {} as Terminal, version: '' };
  const describe = (names: readonly string[]) => describeProgram(names, made, () => undefined);
  // The options of some commands are loaded only if the arguments name them.
  const { commands } = await describe([]);
  const program = await describe(commands.map((command) => command.name()));
  return { commands: Object.fromEntries(commandsUnder(program, [])), keys: settableKeys() };
}

/** The artifact: a line for each command and for each key. */
export async function completionArtifact(): Promise<{ readonly path: string; readonly text: string }> {
  const { commands, keys } = await makeCompletionTree();
  const lines = (part: object) =>
    Object.entries(part)
      .map(([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)}`)
      .join(',\n');
  const text = `{\n  "commands": {\n${lines(commands)}\n  },\n  "keys": {\n${lines(keys)}\n  }\n}\n`;
  return { path: 'src/cli/completion/tree.json', text };
}

function commandsUnder(command: Command, path: readonly string[]): [string, CompletionTree['commands'][string]][] {
  const name = path.join(' ');
  const help = command.createHelp();
  const own = {
    about: command.description(),
    options: help.visibleOptions(command).map((option) => optionOf(option, name)),
    arguments: command.registeredArguments.map((argument) => ({
      value: argument.argChoices ?? valueAt(name, argument.name()),
      many: argument.variadic,
    })),
  };
  const children = help.visibleCommands(command).filter((child) => child.name() !== 'help');
  return [[name, own], ...children.flatMap((child) => commandsUnder(child, [...path, child.name()]))];
}

function optionOf(option: Option, command: string): CompletionTree['commands'][string]['options'][number] {
  const names = [option.short, option.long].filter((name) => name != null);
  const place = /[<[]([^>\]]+?)(?:\.\.\.)?[>\]]/.exec(option.flags)?.[1];
  if (place === undefined) return { names, about: option.description, value: null, many: false };
  const isFile = option.long?.endsWith('-file') === true;
  const value =
    option.argChoices ?? PLACES_OF[`${command} ${option.long}`] ?? (isFile ? 'files' : valueAt(command, place));
  return { names, about: option.description, value, many: option.variadic };
}

function valueAt(command: string, place: string): CompletedValue {
  return PLACES_OF[`${command} ${place}`] ?? PLACES[place] ?? 'nothing';
}

/** The keys that are one value, each with its values if they are a choice. */
function settableKeys(): Record<string, readonly string[]> {
  const named = listKeys().filter(({ name, facts, inner }) => {
    const plain = name.replace(/^proxies\[\]\./, '');
    return facts !== undefined && inner.length === 0 && !/[[*]/.test(plain) && plain !== 'version';
  });
  return Object.fromEntries(named.map(({ name, schema }) => [name, choicesOf(unwrap(schema))]));
}

function choicesOf(schema: z.ZodType): readonly string[] {
  const { type } = schema.def;
  if (type === 'boolean') return ['true', 'false'];
  return type === 'enum' ? (schema as z.ZodEnum).options.map(String) : [];
}
