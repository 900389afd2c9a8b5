// The command `sallyport menu` with its options and help.

import { type Command, Option } from 'commander';
import { filled } from '#cli/terminal/wrap.ts';
import type { Globals, Hooks } from './program-hooks.ts';

/** The sizes of a display. */
const SIZES = ['80x24', '16x2'] as const;
export type MenuSize = (typeof SIZES)[number];

/** The action that `sallyport.ts` provides. It returns the exit status. */
export interface MenuActions {
  menu(globals: Globals, options: { readonly size: MenuSize }): Promise<number>;
}

/** Adds the options and the action of the command. */
export function addMenuOptions(menu: Command, actions: MenuActions, { globals, does }: Hooks): void {
  menu
    .addOption(new Option('--size <size>', 'columns and rows of the display').choices(SIZES).default('80x24'))
    .addHelpText('after', filled(MENU_HELP))
    .action(does((options: { size: MenuSize }) => actions.menu(globals(), options)));
}

const MENU_HELP = `
In a list, Up and Down select an item. In a field, they change a character, Left and Right move, ENTER accepts the value, and
Esc goes back. On CONFIG PROXY PARAMETERS and the REALLY questions, Up twice goes back to SETUP NETWORK. On a keyboard, you can also
type and paste. Ctrl-P, Ctrl-N, Ctrl-B and Ctrl-F replace the arrow keys. Ctrl-C leaves the menu; changes that were not
saved are lost. On a terminal smaller than 80x18, the menu shows the screens for 16x2.`;
