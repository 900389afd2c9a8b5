// Plugins for the bundle. They leave out or change what would make every start slower (docs/architecture.md,
// "Starting").

import { isBuiltin } from 'node:module';
import type { Plugin } from 'rolldown';

/**
 * `import` of a built-in module makes Node read every export of it, including getters that load large parts of Node:
 * http.WebSocket, fs.promises, util.parseArgs (lib/internal/bootstrap/realm.js, getESMFacade). The bundle reads only the
 * exports that it uses. Functions of the modules that are slow to load are looked up when they are called.
 */
export const leanBuiltins: Plugin = {
  name: 'lean-builtins',
  renderChunk: (code) =>
    code.replaceAll(BUILTIN_IMPORT, (whole, imported: string, name: string) => {
      if (!isBuiltin(name)) return whole;
      const module = `globalThis.process.getBuiltinModule(${JSON.stringify(name)})`;
      const [, object, members] = OBJECT_AND_MEMBERS.exec(imported) ?? [];
      if (object === undefined && members === undefined) throw new Error(`cannot rewrite ${whole}`);
      const pairs = (members ?? '').split(',').map((member) => member.trim().split(' as '));
      return [
        ...(object === undefined ? [] : [`const ${object} = ${module};`]),
        ...pairs.flatMap(([key = '', local = key]) => {
          if (key === '') return [];
          return isLookedUpLater(name, key)
            ? [`const ${local} = (...given) => ${module}.${key}(...given);`]
            : [`const ${local} = ${module}.${key};`];
        }),
      ].join('\n');
    }),
};

const BUILTIN_IMPORT = /^import ([^'"\n]+) from "([a-z_/:]+)";$/gm;
/** `a` or `* as a`, `{ b, c as d }`, or both. */
const OBJECT_AND_MEMBERS = /^(?:(?:\* as )?([\w$]+))?(?:, )?(?:\{([^}]*)\})?$/;
/** Each takes 5 to 30 ms of CPU time. */
const SLOW_TO_LOAD = ['node:crypto', 'node:http', 'node:https', 'node:tls', 'node:child_process', 'node:readline'];

/** Classes are not, because they can be extended, and functions with properties, such as execFile with its promisified form. */
function isLookedUpLater(module: string, key: string): boolean {
  if (!SLOW_TO_LOAD.includes(`node:${module.replace('node:', '')}`) || !/^[a-z]/.test(key)) return false;
  const value: unknown = (process.getBuiltinModule(module) as Readonly<Record<string, unknown>>)[key];
  const own = ['length', 'name', 'prototype'];
  return typeof value === 'function' && Reflect.ownKeys(value).every((name) => own.includes(String(name)));
}

/**
 * Commander can start a command that is a program of its own, and node-cron can run a task in a process. Sallyport uses
 * neither, so child_process is not loaded for them.
 */
export const withoutProcesses: Plugin = {
  name: 'without-processes',
  resolveId: (id, importer = '') =>
    /^(?:node:)?child_process$/.test(id) && /[/](?:commander|node-cron)[/]/.test(importer) ? NO_PROCESSES : null,
  load: (id) => (id === NO_PROCESSES ? 'export const fork = undefined; export default {};' : null),
};
const NO_PROCESSES = '\0no-processes';

/** Node reads a file faster if it has only ASCII characters, and keeps it in half of the memory. */
export const asciiOnly: Plugin = {
  name: 'ascii-only',
  generateBundle(_options, bundle) {
    for (const file of Object.values(bundle)) {
      if (file.type === 'chunk') file.code = file.code.replaceAll(/[^\0-\x7f]/g, escaped);
    }
  },
};

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
