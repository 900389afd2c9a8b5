import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importsOf, readSource } from './imports.ts';

/** Takes 20 to 100 ms of CPU time to load, of a start of 200 ms. Only commands that need them load them. */
const SLOW = ['zod', 'yaml', 'node-cron', 'undici', 'ws', 'pino', 'chokidar', 'koffi', 'semver', 'diff'];

/** Everything that is evaluated when this file of src/ is imported: files of src/, and packages. */
function evaluatedBy(entry: string): ReadonlySet<string> {
  const reached = new Set<string>();
  const visit = (file: string) => {
    if (reached.has(file)) return;
    reached.add(file);
    if (!file.endsWith('.ts')) return;
    for (const { specifier, typeOnly, lazy } of importsOf(readSource(file))) {
      if (typeOnly || lazy) continue;
      if (specifier.startsWith('.')) visit(posix.join(posix.dirname(file), specifier));
      else visit(specifier.replace(/^#/, ''));
    }
  };
  visit(entry);
  return reached;
}

const namedIn = (reached: ReadonlySet<string>, names: readonly string[]) => names.filter((name) => reached.has(name));

describe('start', () => {
  it('start: every command evaluates neither the schemas nor the settings nor a slow package', () => {
    const reached = evaluatedBy('main.ts').union(evaluatedBy('sallyport.ts'));
    expect(reached).toContain('commander');
    expect(namedIn(reached, SLOW)).toEqual([]);
    expect([...reached].filter((file) => file.startsWith('config/schema/'))).toEqual([]);
    // 65 when this was written: what each start pays for.
    expect([...reached].filter((file) => file.endsWith('.ts')).length).toBeLessThanOrEqual(82);
  });

  it('start: reading the settings evaluates no package of the daemon', () => {
    const reached = evaluatedBy('config/reading/load.ts');
    expect(namedIn(reached, ['zod', 'yaml'])).toEqual(['zod', 'yaml']);
    expect(namedIn(reached, ['undici', 'ws', 'pino', 'chokidar', 'koffi', 'semver'])).toEqual([]);
  });

  it('start: a submission evaluates no schema, no event of the log and no package at all', () => {
    const reached = evaluatedBy('main.ts').union(evaluatedBy('submit-action.ts'));
    expect(reached).toContain('control/uploads/submit-client.ts');
    expect([...reached].filter((file) => !file.endsWith('.ts') && !file.startsWith('node:'))).toEqual([]);
    expect([...reached].filter((file) => /^(?:config\/schema|logging|daemon)\//.test(file))).toEqual([]);
    // Without a daemon, or if a file sets the places of its daemon, YAML is read.
    expect(evaluatedBy('config/reading/document.ts')).toContain('yaml');
  });

  it('start: status evaluates no schema of the settings, no parser and no slow package', () => {
    const reached = evaluatedBy('main.ts').union(evaluatedBy('cli/watch/quick-status.ts'));
    expect(reached).toContain('control/client.ts');
    expect(reached).toContain('zod/mini');
    expect(namedIn(reached, [...SLOW, 'commander'])).toEqual([]);
    expect([...reached].filter((file) => /^(?:config\/schema|daemon|cli\/actions)\//.test(file))).toEqual([]);
  });

  it('start: a daemon does not evaluate the packages that it may never need', () => {
    const reached = evaluatedBy('daemon/run.ts');
    expect(namedIn(reached, ['pino', 'zod'])).toEqual(['pino', 'zod']);
    expect(namedIn(reached, ['undici', 'ws', 'chokidar', 'koffi', 'quickjs-wasi', 'kerberos', 'prom-client'])).toEqual(
      [],
    );
  });
});
