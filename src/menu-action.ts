// Runs `sallyport menu`: prepares the terminal, and chooses whether this process writes the configuration or the change
// service does.

import { needsService } from '#changes/client.ts';
import type { CommandContext } from '#cli/settings/command-context.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import type { Environment, Places } from '#config/places.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import type { SizeName } from '#menu/model/screens.ts';
import { PinAttempts } from '#menu/pin-attempts.ts';
import type { MenuPorts } from '#menu/ports.ts';
import { runMenu } from '#menu/terminal/run-menu.ts';
import { ownFilePorts, servicePorts } from '#menu/use-cases.ts';

export interface MenuCommand {
  readonly environment: Environment;
  readonly places: Places;
  /** The absolute path of the configuration file. */
  readonly file: string;
  readonly size: SizeName;
}

/** Shows the menu until its user leaves it. @throws UsageError without a terminal */
export async function runMenuCommand(context: CommandContext, command: MenuCommand): Promise<number> {
  const { terminal, files, clock, signal } = context;
  const { environment, size } = command;
  const isLineTerminal = isDumb(environment['TERM']);
  const { keys } = terminal.answers;
  if (keys === null) throw new UsageError('sallyport menu needs a terminal.');
  await runMenu({
    terminal: {
      write: (text) => terminal.screen.write(text),
      keys,
      isDumb: isLineTerminal,
      // Without cursor control, each screen is printed below the last one, so its size does not matter.
      window: () => (isLineTerminal ? null : (terminal.window?.size() ?? null)),
      onResize: (listener) => terminal.window?.onResize(listener) ?? (() => undefined),
      isAscii: !showsUnicode(environment),
    },
    ports: await choosePorts(context, command),
    attempts: new PinAttempts(files, clock, environment['STATE_DIRECTORY'] ?? null),
    clock,
    size,
    gateways: await context.gateways(),
    signal,
  });
  return EXIT_OK;
}

async function choosePorts(context: CommandContext, { file, places }: MenuCommand): Promise<MenuPorts> {
  const { files, clock, signal, changeSocket: socket } = context;
  const common = { clock, keepSecret: context.keepSecret };
  if (socket !== null && (await needsService({ socket, files }, file))) {
    return servicePorts({ ...common, place: { socket, files, clock }, file, stateDir: places.stateDir });
  }
  return ownFilePorts({
    ...common,
    context: (ending) => ({ ...context, signal: AbortSignal.any([signal, ending]) }),
  });
}

/** Whether a terminal of this type cannot move the cursor. */
function isDumb(type: string | undefined): boolean {
  return type === undefined || type === '' || type === 'dumb' || type === 'unknown';
}

/** Whether the terminal shows more than ASCII, as setlocale(3) reads the locale. A VT100 does not, in any locale. */
function showsUnicode(environment: Environment): boolean {
  const { LC_ALL: all, LC_CTYPE: type, LANG: language, TERM: terminal = '' } = environment;
  const locale = [all, type, language].find((one) => one !== undefined && one !== '') ?? '';
  return /utf-?8/i.test(locale) && !/^vt\d/.test(terminal) && !isDumb(terminal);
}
