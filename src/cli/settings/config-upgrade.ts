// `sallyport config upgrade`: rewrites a configuration file of an earlier format version, or shows what would change.

import { planUpgrade, type UpgradedFile, upgradeConfigFile } from '#config/editing/upgrade-file.ts';
import { readDocument } from '#config/reading/document.ts';
import { FORMAT_VERSION } from '#config/schema/settings.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { showForeign } from '#errors/template.ts';
import { withSettings } from './change-command.ts';
import type { CommandContext } from './command-context.ts';

/** Exit status: 0 if the file has this version now, or would have it; 78 if it has errors or cannot be rewritten. */
export async function configUpgradeCommand(
  context: CommandContext,
  { dryRun }: { readonly dryRun: boolean },
): Promise<number> {
  return await withSettings(context, async (loaded) => {
    const { terminal } = context;
    const file = showForeign(loaded.file);
    const upgraded = dryRun ? await planUpgrade(loaded, context) : await upgradeConfigFile(loaded, context);
    if (upgraded.before === upgraded.after) {
      terminal.out(`${file} already has version ${FORMAT_VERSION}; nothing to upgrade.`);
      return EXIT_OK;
    }
    if (dryRun) {
      for (const line of await diffLines(context, loaded.file, upgraded)) terminal.out(line);
      return EXIT_OK;
    }
    terminal.out(`Upgraded ${file} from version ${versionOf(upgraded.before)} to version ${FORMAT_VERSION}.`);
    terminal.out('Every setting keeps its value; a running daemon needs no restart.');
    return EXIT_OK;
  });
}

function versionOf(text: string): string {
  const { version } = readDocument(text).value as { readonly version: unknown };
  return String(version);
}

/** A unified diff without context, because a line next to a change may contain a secret. */
export async function diffLines(
  { known }: CommandContext,
  file: string,
  { before, after }: UpgradedFile,
): Promise<string[]> {
  const { createTwoFilesPatch } = await import('diff');
  const names = [file, file].map(showForeign) as [string, string];
  const patch = createTwoFilesPatch(...names, before, after, undefined, undefined, {
    context: 0,
    headerOptions: { includeIndex: false, includeUnderline: false, includeFileHeaders: true },
  });
  return known.redact(patch).trimEnd().split('\n').map(harmless);
}

/** Escapes the characters of a line that control a terminal, and removes the carriage return of a Windows file. */
export function harmless(line: string): string {
  const toCode = (character: string) => `\\u{${character.codePointAt(0)?.toString(16)}}`;
  return line.replace(/\r$/, '').replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, toCode);
}
