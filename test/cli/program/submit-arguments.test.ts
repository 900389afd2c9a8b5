import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Actions, runProgram } from '#cli/program/program.ts';
import { readSubmission, type SubmitCall } from '#cli/program/submit-arguments.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';

/** What the parser of all commands calls `submit` with; null if it does not. */
async function parsed(args: readonly string[]): Promise<SubmitCall | null> {
  let submission: SubmitCall | null = null;
  const submit: Actions['submit'] = (globals, options) => {
    submission = { globals: { ...globals }, options: { ...options } };
    return Promise.resolve(0);
  };
  const others = () => Promise.resolve(0);
  const actions = new Proxy({ submit } as Actions, {
    get: (target, name) => (name === 'submit' ? target.submit : others),
  });
  await runProgram(args, { actions, terminal: fakeTerminal(), version: '0' });
  return submission;
}

const WORDS = ['submit', '-c', '--config', '--json', '--quiet', '-', '--', '--help', '-x', '-cfile', '--config=file'];

describe('arguments of submit', () => {
  it('arguments of submit: are read as the parser of all commands reads them, or not at all', async () => {
    const word = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...WORDS) },
      { weight: 2, arbitrary: fc.constantFrom('a.ndjson', 'b', 'help', '', 'status') },
    );
    const args = fc.oneof(
      fc.array(word, { maxLength: 6 }),
      fc.array(word, { maxLength: 5 }).map((rest) => ['submit', ...rest]),
    );
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(args, async (given) => {
        const submission = readSubmission(given);
        if (submission === null) return;
        taken += 1;
        expect(submission).toEqual(await parsed(given));
      }),
      { numRuns: 400 },
    );
    expect(taken).toBeGreaterThan(40);
  });

  it.each([
    { args: ['submit'], files: [], config: undefined },
    { args: ['submit', '-', '--quiet', '-c', 'f.yaml'], files: ['-'], config: 'f.yaml' },
    { args: ['--config', 'f.yaml', 'submit', 'a', 'b', '--json'], files: ['a', 'b'], config: 'f.yaml' },
  ])('arguments of submit: $args are read at once', ({ args, files, config }) => {
    expect(readSubmission(args)).toMatchObject({ options: { files } });
    expect(readSubmission(args)?.globals.config).toBe(config);
  });

  it.each([[[]], [['status', 'submit']], [['submit', '--help']], [['submit', '-c']], [['submit', '--', 'a']]])(
    'arguments of submit: %j are left to the parser of all commands',
    (args) => {
      expect(readSubmission(args)).toBeNull();
    },
  );
});
