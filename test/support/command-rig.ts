// The context of a command over a real folder, with or without answers at its terminal: for tests of the proxy commands.

import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { CommandContext } from '#cli/settings/command-context.ts';
import { type LoadedSettings, loadSettings } from '#config/reading/load.ts';
import type { Control } from '#control/control.ts';
import { createRedactor } from '#redaction/redact.ts';
import { systemClock } from '#system/clock.ts';
import { realFiles } from '#system/real-files.ts';
import { ConfigFolder, TEST_PLACES } from './config-file.ts';
import { fakeControl } from './fake-control.ts';
import { type FakeAnswers, type FakeTerminal, fakeAnswers, fakeTerminal } from './fake-terminal.ts';

export type Script = Parameters<typeof fakeAnswers>[0];

/** What one command said and left. */
export interface CommandOutput {
  readonly status: number;
  readonly out: readonly string[];
  readonly err: readonly string[];
  readonly asked: FakeAnswers['asked'];
}

export class CommandRig {
  readonly folder: ConfigFolder;
  readonly file: string;
  /** What a test is about, in place of what the rig has. */
  over: Partial<CommandContext> = {};
  daemon: Control | null = null;

  private constructor(folder: ConfigFolder) {
    this.folder = folder;
    this.file = join(folder.path, 'sallyport.yaml');
  }

  static async make(text: string): Promise<CommandRig> {
    const rig = new CommandRig(await ConfigFolder.make());
    await rig.folder.write('sallyport.yaml', `${text}daemon:\n  state_dir: state\n`, 0o640);
    return rig;
  }

  context(terminal: FakeTerminal): CommandContext {
    const { known } = this.folder;
    return {
      terminal,
      files: realFiles,
      clock: systemClock,
      known: createRedactor(known),
      keepSecret: (value) => known.add(value),
      load: (text) =>
        loadSettings({
          file: this.file,
          places: TEST_PLACES,
          environment: {},
          known,
          ...(text === undefined ? {} : { text }),
        }),
      findDaemon: () => Promise.resolve(this.daemon),
      openControl: () => Promise.resolve(this.daemon ?? fakeControl()),
      requester: 'process 1 of user root',
      shell: {},
      changeSocket: null,
      gateways: () => Promise.resolve(['10.0.0.1']),
      absolute: (path) => resolve(this.folder.path, path),
      signal: new AbortController().signal,
      ...this.over,
    };
  }

  /** Runs a command; the script is what is answered or piped in. */
  async run(
    command: (context: CommandContext) => Promise<number>,
    script: Script = { piped: '' },
  ): Promise<CommandOutput> {
    const answers = fakeAnswers(script);
    const terminal = fakeTerminal(answers);
    const status = await command(this.context(terminal));
    return { status, out: terminal.printed, err: terminal.errors, asked: answers.asked };
  }

  /** The file without what the rig put into it. */
  async text(): Promise<string> {
    return (await readFile(this.file, 'utf8')).replace('daemon:\n  state_dir: state\n', '');
  }

  async read(name: string): Promise<string> {
    return await readFile(join(this.folder.path, name), 'utf8');
  }

  async settings(): Promise<LoadedSettings['settings']> {
    const loaded = await this.context(fakeTerminal()).load();
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    return loaded.settings;
  }
}
