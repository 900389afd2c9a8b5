// Draws the screens for a display of 80 columns and up to 24 rows: a header line, a title, the text, and the keys. Pure.

import { CHARACTERS, type FieldName } from '#menu/model/characters.ts';
import { bodyRows, largeRows } from '#menu/model/display.ts';
import type { FieldState } from '#menu/model/field.ts';
import { FAILURE_ITEMS, type MenuScreen, type MenuState, SIZES } from '#menu/model/screens.ts';
import { setupItems } from '#menu/model/setup.ts';
import { visibleLines } from '#menu/model/text.ts';
import { outcomeText } from '#platform/outcome/outcome.ts';
import { showField, spreadGroups } from './fields.ts';
import type { Frame } from './frame-type.ts';
import { keyHint, screenTitle, stageLine } from './labels.ts';

const { columns: COLUMNS } = SIZES['80x24'];
const MARGIN = '   ';
const TITLE_ROW = 4;
const BODY_ROW = 6;
const FIELD_COLUMNS = 60;
const RULE = '-'.repeat(COLUMNS);

interface Body {
  readonly lines: readonly string[];
  /** The column of the cursor in the first line. */
  readonly cursor?: number;
}

export function largeFrame(state: MenuState): Frame {
  const { lines, cursor } = bodyOf(state);
  const height = largeRows(state.window);
  const rows = Array.from({ length: height }, () => '');
  rows[0] = headLine(state);
  rows[1] = RULE;
  rows[TITLE_ROW] = `${MARGIN}${screenTitle(state)}`;
  for (const [index, line] of lines.entries()) rows[BODY_ROW + index] = `${MARGIN}${line}`;
  rows[height - 2] = RULE;
  rows[height - 1] = ` ${keyHint(state.screen)}`;
  return { lines: rows, cursor: cursor === undefined ? null : { row: BODY_ROW, column: MARGIN.length + cursor } };
}

/** The name and address of a connected appliance are always visible. */
function headLine({ outcome, isAscii }: MenuState): string {
  const isKnown = outcome.kind === 'connected' || outcome.kind === 'user-login';
  const right = isKnown ? outcomeText(outcome, { ascii: isAscii }) : '';
  const left = ' SALLYPORT';
  return left + right.padStart(COLUMNS - left.length - 1);
}

function bodyOf(state: MenuState): Body {
  const { screen } = state;
  switch (screen.kind) {
    case 'setup':
      return { lines: itemLines(setupItems(state), screen.index) };
    case 'choices':
      return { lines: [...itemLines(FAILURE_ITEMS, screen.index), '', ...CHOICES] };
    case 'pin':
    case 'field':
    case 'activation':
      return fieldBody(screen);
    case 'notice':
    case 'failed':
    case 'outcome':
      return { lines: visibleLines(state, screen) };
    case 'really':
      return { lines: summaryOf(state, screen) };
    case 'gateway':
      return { lines: ['This is the default gateway of this host.'] };
    case 'cleartext':
      return { lines: ['The proxy offers only Basic: others on the network can read the password.'] };
    case 'working':
      return { lines: screen.stages.slice(-bodyRows(state.window)).map(stageLine) };
    default:
      return { lines: [] };
  }
}

function itemLines(items: readonly string[], selected: number): string[] {
  return items.map((item, index) => `${index === selected ? '>' : ' '} ${item}`);
}

const CHOICES = [
  'TRY AGAIN       test the same parameters again',
  'KEEP AND EDIT   change the parameters that you entered',
  'REVERT          drop them; the previous settings remain in effect',
  'SAVE ANYWAY     save them although the test failed; the network may be down',
];

function fieldBody(screen: Extract<MenuScreen, { readonly field: FieldState }>): Body {
  const { field } = screen;
  const shown = showField(field, FIELD_COLUMNS);
  const { text, cursor } = field.name === 'key' ? spreadGroups(shown) : shown;
  const notes = screen.kind === 'pin' && field.error === null ? [screen.note] : fieldNotes(field);
  return { lines: [text, '', ...notes], cursor };
}

const NOTES: Readonly<Record<FieldName, string>> = {
  host: 'A name or an IPv4 address, such as 176.34.20.5.',
  port: '1 to 65535.',
  user: 'Blank if the proxy needs no authentication.',
  password: 'Blank if the proxy needs no authentication.',
  pin: '',
  key: 'Four groups of four characters.',
};

function fieldNotes({ name, error, placeholder }: FieldState): string[] {
  if (error !== null) return [`${error.short}.`, error.more];
  if (name !== 'user' && name !== 'password') return [NOTES[name]];
  const kept = placeholder === '' ? [] : ['ENTER keeps the stored password. Backspace removes it.'];
  return [...kept, NOTES[name], `Letters, digits and ${CHARACTERS[name].replaceAll(/[A-Za-z0-9]/g, '')}`];
}

/** What ENTER will enable. */
function summaryOf({ draft }: MenuState, { direction }: Extract<MenuScreen, { kind: 'really' }>): string[] {
  if (direction === 'disable') return ['Every purpose will connect directly. The parameters stay stored.'];
  if (draft === null) return [];
  const { shown, answers } = draft;
  const user = answers.user ?? shown.user;
  return [
    `PROXY HOST   ${answers.host ?? shown.host}`,
    `PROXY PORT   ${answers.port === null ? shown.port : String(answers.port).padStart(4, '0')}`,
    `PROXY USER   ${user === '' ? 'none' : user}`,
    `PROXY PASS   ${passwordWord(answers.password.kind, shown.hasPassword)}`,
  ];
}

function passwordWord(answer: 'kept' | 'none' | 'typed', hasPassword: boolean): string {
  if (answer === 'typed') return 'entered';
  return answer === 'kept' && hasPassword ? 'unchanged' : 'none';
}
