/**
 * The type-aware rules, and the floors of the house as import bans with their reason in the message. Style and the rest
 * are Biome's. The rooms are listed once, in test/architecture/rooms.ts.
 */
import { defineConfig } from 'oxlint';
import { bannedRooms, ROOMS } from './test/architecture/rooms.ts';

const NO_PARENT = {
  regex: '(^|/)\\.\\./',
  message: "Between rooms import '#room/file.ts', within a room './file.ts': never '../'.",
};

const NO_TEST = { regex: '^#(test|tools)/', message: 'The installed program does not import tests or tools.' };

const floors = ROOMS.flatMap((room) => {
  const bans = bannedRooms(room).map((name) => ({
    regex: `^#${name}/`,
    message: `src/${room.name} may not import src/${name}: ${room.why}. See the floors in docs/architecture.md.`,
  }));
  const own = { regex: `^#${room.name}/`, message: `Within a room import './file.ts'.` };
  return [
    ban([`src/${room.name}/*.ts`], [NO_PARENT, NO_TEST, own, ...bans]),
    // A folder inside a room has no other way up than the name of the room.
    ban([`src/${room.name}/*/**/*.ts`], [NO_PARENT, NO_TEST, ...bans]),
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
  overrides: floors,
});
