// The questions of `proxy add` and `proxy edit` if no flags are given. They are the fields of the proxy form in the
// manuals that docs/seeds.md lists, and the schema checks the answers. ENTER keeps the value in brackets. If the input
// ends, the command ends and writes nothing.

import type { Terminal } from '#cli/terminal/terminal.ts';
import type { FieldChange } from '#config/editing/profile-edits.ts';
import { type ProfileField, profileFields, readField, validateField } from '#config/editing/profile-fields.ts';
import { validateProfileName } from '#config/schema/values.ts';
import type { Settings } from '#config/settings.ts';
import { coded } from '#errors/coded-error.ts';
import { showForeign } from '#errors/template.ts';
import { needsPassword } from './proxy-password.ts';

type Profile = Settings['proxies'][number];

/** The fields with a question; the others have only flags. */
const PROMPTED = ['scheme', 'pac.url', 'pac.file', 'address', 'port', 'authentication', 'domain', 'user'] as const;
/** Fields that may be left blank. */
const OPTIONAL: readonly string[] = ['pac.url', 'domain'];
type PromptedField = (typeof PROMPTED)[number];

/** The profile before the change; null for a new profile. */
export type ProfileBefore = Profile | null;

/** Asks for the name of a new profile. */
export async function askName(terminal: Terminal): Promise<string> {
  return await askUntil(terminal, 'Proxy setting name: ', validateProfileName);
}

/** Asks for each field. Returns those that changed. */
export async function askFields(terminal: Terminal, before: ProfileBefore): Promise<FieldChange[]> {
  const fields = new Map(profileFields().map((field) => [field.path.join('.'), field] as const));
  const answers = new Map<PromptedField, string>();
  for (const key of PROMPTED) {
    const field = fields.get(key);
    // A field with a single choice needs no question.
    if (field !== undefined && field.choices.length !== 1 && isPrompted(key, answers))
      answers.set(key, await askField(terminal, field, before));
  }
  return [...answers].flatMap(([key, text]) => {
    const field = fields.get(key);
    return field === undefined || text === previousValueText(field, before) ? [] : [changeOf(field, text, before)];
  });
}

/** Asks for `yes` or `no`. ENTER selects the answer in capitals. */
export async function askYesNo(terminal: Terminal, question: string, byDefault: boolean): Promise<boolean> {
  const validate = (text: string) => (/^(?:y|yes|n|no|)$/i.test(text) ? null : 'Answer y or n.');
  const text = await askUntil(terminal, `${question} [${byDefault ? 'Y/n' : 'y/N'}] `, validate);
  return text === '' ? byDefault : /^y/i.test(text);
}

/** Asks for one of the choices. */
export async function askChoice(terminal: Terminal, question: string, choices: readonly string[]): Promise<string> {
  const validate = (text: string) => (choices.includes(text) ? null : `Answer one of: ${choices.join(', ')}.`);
  return await askUntil(terminal, `${question} (${choices.join(', ')}): `, validate);
}

function isPrompted(key: PromptedField, answers: ReadonlyMap<PromptedField, string>): boolean {
  const scheme = answers.get('scheme');
  if (key === 'pac.url') return scheme === 'pac';
  if (key === 'pac.file') return scheme === 'pac' && answers.get('pac.url') === '';
  if (key === 'address' || key === 'port') return scheme !== 'pac' && scheme !== 'environment';
  const authentication = answers.get('authentication');
  if (key === 'user') return needsPassword(authentication as Profile['authentication']);
  return key !== 'domain' || authentication === 'ntlm' || authentication === 'auto' || authentication === 'digest';
}

async function askField(terminal: Terminal, field: ProfileField, before: ProfileBefore): Promise<string> {
  const shown = previousValueText(field, before);
  const choices = field.choices.length > 0 ? ` (${field.choices.join(', ')})` : '';
  const mayBeBlank = OPTIONAL.includes(field.path.join('.'));
  const hint = shown === '' && mayBeBlank ? ' [none]' : '';
  const question = `${LABELS[field.path.join('.')] ?? field.facts.title}${choices}${shown === '' ? hint : ` [${showForeign(shown)}]`}: `;
  // The manuals write Basic and Transparent, so upper case is accepted.
  const inOurs = (text: string) => field.choices.find((choice) => choice === text.toLowerCase()) ?? text;
  const validate = (text: string) => {
    if (text === '') return shown !== '' || mayBeBlank ? null : 'A value is required.';
    return validateField(field.path, readField(field, inOurs(text)));
  };
  const text = await askUntil(terminal, question, validate);
  return text === '' ? shown : inOurs(text);
}

/** Labels of the form in the manuals. */
const LABELS: Readonly<Record<string, string>> = {
  address: 'Proxy address or IP',
  authentication: 'Authentication method',
  domain: 'Domain',
  user: 'User',
};

function previousValueText(field: ProfileField, before: ProfileBefore): string {
  const value = field.path.reduce<unknown>(
    (part, step) => (part as Readonly<Record<string, unknown>> | undefined)?.[step],
    before ?? undefined,
  );
  return value === undefined ? field.byDefault : String(value);
}

function changeOf(field: ProfileField, text: string, before: ProfileBefore): FieldChange {
  const isCleared = text === '' && before !== null;
  return { path: field.path, value: isCleared ? undefined : readField(field, text) };
}

async function askUntil(
  terminal: Terminal,
  question: string,
  validate: (text: string) => string | null,
): Promise<string> {
  for (;;) {
    const answer = await terminal.answers.line(question);
    if (answer === null) throw coded('CANCELLED', { reason: 'the questions were not answered' });
    const text = answer.trim();
    const wrong = validate(text);
    if (wrong === null) return text;
    terminal.err(wrong);
  }
}
