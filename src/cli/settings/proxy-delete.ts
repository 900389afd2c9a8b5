// `sallyport proxy delete | default | enable | disable`: deletes a profile, or changes which profile is used.

import { deletionSentences } from '#changes/proxy/deletion-sentences.ts';
import { switchEdits } from '#changes/proxy/profile-change.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import { noteProfile } from '#config/editing/profile-dates.ts';
import { deleteProfile, findProfile, makeDefault, routesWithout, usersOf } from '#config/editing/profile-edits.ts';
import type { Settings } from '#config/settings.ts';
import { coded } from '#errors/coded-error.ts';
import { changeCommand, switchedOff, withSettings } from './change-command.ts';
import type { CommandContext } from './command-context.ts';
import type { ConfirmFlags } from './confirm.ts';
import { askChoice, askYesNo } from './proxy-form.ts';

export interface DeleteFlags {
  readonly force: boolean;
  /** The profile that becomes the default if the deleted one was; `none` for no default. */
  readonly newDefault?: string | undefined;
  readonly yes: boolean;
  readonly json: boolean;
  readonly confirm?: ConfirmFlags | undefined;
}

/** Deletes a profile. If it is in use, `--force` is required, and the output says what its users use instead. */
export async function deleteProxyCommand(context: CommandContext, name: string, flags: DeleteFlags): Promise<number> {
  return await withSettings(context, async (loaded) => {
    const { settings } = loaded;
    const { profile } = findProfile(settings, name);
    const users = usersOf(settings, name);
    const isMissed = users.length > 0 || (profile.default && settings.proxies.length > 1);
    if (users.length > 0 && !flags.force) deleteProfile(settings, name, null);
    const routes = isMissed
      ? routesWithout(settings, name, await successorOf(context, settings, { profile, flags }))
      : null;
    const sentences = routes === null ? [] : deletionSentences(settings, profile.name, routes);
    await confirm(context, sentences, flags);
    return await changeCommand(context, loaded, {
      edits: deleteProfile(settings, name, routes ?? { newDefault: null, purposes: {} }),
      sentences: [`Deleted proxy ${profile.name}.`, ...sentences],
      facts: {
        name: profile.name,
        used_by: users.map(({ user }) => user),
        new_default: routes?.newDefault ?? null,
        falls_to: routes?.purposes ?? {},
      },
      json: flags.json,
      confirm: flags.confirm,
      after: () =>
        noteProfile(context.files, settings.daemon.state_dir, {
          from: profile.name,
          to: null,
          now: context.clock.now(),
        }),
    });
  });
}

/** Makes a profile the default. */
export async function defaultProxyCommand(
  context: CommandContext,
  name: string,
  options: { json: boolean; confirm?: ConfirmFlags },
): Promise<number> {
  return await withSettings(context, async (loaded) => {
    const { settings } = loaded;
    const { profile } = findProfile(settings, name);
    const old = settings.proxies.find((one) => one.default && one !== profile)?.name ?? null;
    return await changeCommand(context, loaded, {
      edits: makeDefault(settings, name),
      sentences: [
        `${profile.name} is now the default${old === null ? '' : ` instead of ${old}`}.`,
        ...switchedOff(settings),
      ],
      facts: { name: profile.name, before: old },
      json: options.json,
      confirm: options.confirm,
    });
  });
}

/** Writes `proxy_enabled`. The profiles stay in the file. */
export async function enableProxyCommand(
  context: CommandContext,
  enabled: boolean,
  options: { json: boolean; confirm?: ConfirmFlags },
): Promise<number> {
  return await withSettings(context, async (loaded) => {
    const { settings } = loaded;
    const isEmpty = settings.proxies.length === 0;
    return await changeCommand(context, loaded, {
      edits: switchEdits(settings, enabled),
      sentences: [
        enabled
          ? 'Proxies are used again.'
          : 'No proxy is used: every purpose connects directly. The profiles stay in the file.',
      ],
      facts: { proxy_enabled: enabled },
      warnings:
        enabled && isEmpty
          ? ['No proxy is configured, so every purpose connects directly. To add one: sallyport proxy add.']
          : [],
      json: options.json,
      confirm: options.confirm,
    });
  });
}

/** The next default, from the flag or the user's answer; null for none. */
async function successorOf(
  context: CommandContext,
  settings: Settings,
  { profile, flags }: { profile: Settings['proxies'][number]; flags: DeleteFlags },
): Promise<string | null> {
  const others = settings.proxies.filter((one) => one !== profile).map(({ name }) => name);
  if (!profile.default || others.length === 0) return null;
  if (flags.newDefault !== undefined) {
    return flags.newDefault === 'none' ? null : findOther(settings, flags.newDefault, profile.name);
  }
  const { terminal } = context;
  if (!terminal.answers.interactive) {
    throw new UsageError(`${profile.name} is the default. Use --new-default NAME, or --new-default none.`);
  }
  const answer = await askChoice(terminal, `${profile.name} is the default. Which proxy becomes the default instead?`, [
    ...others,
    'none',
  ]);
  return answer === 'none' ? null : answer;
}

function findOther(settings: Settings, name: string, deleted: string): string {
  const { profile } = findProfile(settings, name);
  if (profile.name !== deleted) return profile.name;
  throw new UsageError(`You are deleting ${deleted}, so it cannot be the new default.`);
}

/** At a terminal, shows the consequences and asks before the profile is deleted. */
async function confirm(
  { terminal }: CommandContext,
  sentences: readonly string[],
  { yes }: DeleteFlags,
): Promise<void> {
  if (sentences.length === 0 || yes || !terminal.answers.interactive) return;
  for (const sentence of sentences) terminal.err(sentence);
  if (!(await askYesNo(terminal, 'Delete it?', false))) throw coded('CANCELLED', { reason: 'it was not confirmed' });
}
