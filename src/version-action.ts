// Runs `sallyport version`: collects the versions of Sallyport, Node and all included packages.
//
// The build writes the list of packages to components.json next to main.js. In a build, this file is one folder below,
// in `parts/`.

import { join } from 'node:path';
import type { Versions } from '#cli/terminal/versions.ts';
import { readWhole } from '#system/durable.ts';
import { realFiles } from '#system/real-files.ts';

/** The names of `process.versions` that are numbers of an interface rather than versions of something included. */
const INTERFACES = ['node', 'modules', 'napi'];

/** @throws CodedError FILE-* if components.json exists but cannot be read */
export async function collectVersions(sallyport: string): Promise<Versions> {
  const embedded = Object.entries(process.versions).filter(
    (pair): pair is [string, string] => pair[1] !== undefined && !INTERFACES.includes(pair[0]),
  );
  const { node } = process.versions;
  return { sallyport, node, embedded: Object.fromEntries(embedded), modules: await readModules() };
}

/** A list of some hundred modules has less than a hundredth of this. */
const LIMIT_BYTES = 1_000_000;

async function readModules(): Promise<Versions['modules']> {
  const file = join(import.meta.dirname, '..', 'components.json');
  if ((await realFiles.facts(file)) === null) return null;
  const text = Buffer.from(await readWhole(realFiles, file, LIMIT_BYTES)).toString('utf8');
  return JSON.parse(text) as Versions['modules'];
}
