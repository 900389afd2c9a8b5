// Writes the generated files: those from the schemas of configuration, diagnosis, status and endpoints, the picture of
// the modules, and the table of redaction rules. With --check it writes nothing, names each file that is out of date,
// and exits with 1 if there is one.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { completionArtifacts } from '#cli/completion/scripts.ts';
import { makeArtifacts } from '#config/generate/artifacts.ts';
import { controlArtifacts } from '#control/artifacts.ts';
import { diagnosisArtifact } from '#diagnose/artifact.ts';
import { withModulePicture } from '#test/architecture/module-picture.ts';
import { withRuleTable } from '#test/docs/redaction-table.ts';
import { completionArtifact } from '#tools/completion-tree.ts';

const ROOT = dirname(import.meta.dirname);

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

const [flag, ...rest] = process.argv.slice(2);
if (rest.length > 0 || (flag !== undefined && flag !== '--check')) {
  process.stderr.write('Usage: node tools/generate.ts [--check]\n');
  process.exit(64);
}

/** Pages of which only a part is generated. */
const PAGES = [
  { path: 'docs/architecture.md', write: withModulePicture },
  { path: 'docs/redaction.md', write: withRuleTable },
].map(({ path, write }) => ({ path, text: write(readOrNull(join(ROOT, path)) ?? '') }));

/** What shells complete. */
const COMPLETION = [await completionArtifact(), ...completionArtifacts()];

for (const { path, text } of [
  ...makeArtifacts(),
  diagnosisArtifact(),
  ...controlArtifacts(),
  ...COMPLETION,
  ...PAGES,
]) {
  const file = join(ROOT, path);
  if (readOrNull(file) === text) continue;
  if (flag === '--check') {
    process.stdout.write(`${path} is out of date; run: npm run generate\n`);
    process.exitCode = 1;
    continue;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  process.stdout.write(`${path} written\n`);
}
