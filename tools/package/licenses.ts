/** The licenses of everything that a package contains, as one text. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './release.ts';
import type { Component } from './sbom.ts';

const RULE = '='.repeat(79);
const LICENSE_FILE = /^(?:licen[cs]e|copying|notice)(?:[.-].*)?$/i;

/**
 * The text of THIRD-PARTY-LICENSES. `modules` has the packages that are copied as they are, for example the native library
 * for another machine. @throws Error if a package has neither a license text nor a license name
 */
export function licenseText(
  components: readonly Component[],
  { nodePackage, modules }: { readonly nodePackage: string; readonly modules: string },
): string {
  const parts = components.map((component) => {
    const copied = join(modules, component.name);
    const text = textOf(existsSync(join(copied, 'package.json')) ? copied : folderOf(component));
    if (text === null && component.license === undefined) {
      throw new Error(`${component.name} ${component.version} has no license`);
    }
    const body = text ?? 'The package has no file with the text of this license.\n';
    return `${RULE}\n${component.name} ${component.version} (${component.license ?? 'see the text'})\n${RULE}\n\n${body}\n`;
  });
  const node = readFileSync(join(nodePackage, 'LICENSE'), 'utf8');
  const head = 'Sallyport is licensed under the Apache License 2.0. It includes these works of others:\n\n';
  return `${head}${parts.join('\n')}\n${RULE}\nNode.js, and what it includes\n${RULE}\n\n${node}`;
}

/** Where npm put this version: several versions of one package can be installed. */
export function folderOf({ name, version }: Component): string {
  for (const folder of candidates(join(ROOT, 'node_modules'), name)) {
    const { version: found } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Component;
    if (found === version) return folder;
  }
  throw new Error(`${name} ${version} is in the program but not in node_modules`);
}

function* candidates(modules: string, name: string): Generator<string> {
  const top = join(modules, name);
  if (existsSync(join(top, 'package.json'))) yield top;
  for (const entry of readdirSync(modules)) {
    const owners = entry.startsWith('@') ? readdirSync(join(modules, entry)).map((one) => join(entry, one)) : [entry];
    for (const owner of owners) {
      const nested = join(modules, owner, 'node_modules');
      if (existsSync(nested)) yield* candidates(nested, name);
    }
  }
}

/** The license file; without one, what the readme says below its heading. */
function textOf(folder: string): string | null {
  const names = readdirSync(folder).sort();
  const file = names.find((name) => LICENSE_FILE.test(name));
  if (file !== undefined) return readFileSync(join(folder, file), 'utf8');
  const readme = names.find((name) => /^readme(?:\.md)?$/i.test(name));
  if (readme === undefined) return null;
  const [, section] = /^#+ *licen[cs]e\b.*\n([\s\S]*)$/im.exec(readFileSync(join(folder, readme), 'utf8')) ?? [];
  return section === undefined ? null : `${section.trim()}\n`;
}
