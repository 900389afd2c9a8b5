/**
 * Type-aware rules, and import bans that enforce the layers of src; each message has the reason. Biome checks style
 * and everything else. The modules are listed once, in test/architecture/layers.ts.
 */
import { defineConfig } from 'oxlint';
import { bannedModules, MODULES } from './test/architecture/layers.ts';

const NO_PARENT = {
  regex: '(^|/)\\.\\./',
  message: "Between modules import '#module/file.ts', within a module './file.ts': never '../'.",
};

const NO_TEST = { regex: '^#(test|tools)/', message: 'The installed program does not import tests or tools.' };

const layerRules = MODULES.flatMap((module) => {
  const bans = bannedModules(module).map((name) => ({
    regex: `^#${name}/`,
    message: `src/${module.name} may not import src/${name}: ${module.why}. See the layers in docs/architecture.md.`,
  }));
  const own = { regex: `^#${module.name}/`, message: `Within a module import './file.ts'.` };
  return [
    ban([`src/${module.name}/*.{ts,tsx}`], [NO_PARENT, NO_TEST, own, ...bans]),
    // Files in a folder of a module can reach the module only by its name.
    ban([`src/${module.name}/*/**/*.{ts,tsx}`], [NO_PARENT, NO_TEST, ...bans]),
  ];
});

function ban(files: string[], patterns: { regex: string; message: string }[]) {
  return { files, rules: { 'no-restricted-imports': ['error', { patterns }] as ['error', object] } };
}

export default defineConfig({
  plugins: ['typescript'],
  categories: { correctness: 'off' },
  ignorePatterns: ['packages/**', 'logs/**', 'state/**', '.cache/**', 'dist/**', 'coverage/**'],
  rules: {
    'typescript/await-thenable': 'error',
    'typescript/no-deprecated': 'error',
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/no-unnecessary-type-assertion': 'error',
    'typescript/only-throw-error': 'error',
    'typescript/return-await': ['error', 'error-handling-correctness-only'],
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    'no-restricted-imports': ['error', { patterns: [NO_PARENT] }],
  },
  overrides: layerRules,
});
