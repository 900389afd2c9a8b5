// The command `sallyport fetch` with its options and help.

import { type Command, Option } from 'commander';
import { UsageError } from '#cli/terminal/usage-error.ts';
import { filled } from '#cli/terminal/wrap.ts';
import type { Globals, Hooks } from './program-hooks.ts';

/** Arguments of `fetch`. */
export interface FetchArguments {
  readonly url: URL;
  /** Lower-case hex. */
  readonly sha256: string | null;
  readonly checksumFile: string | null;
  /** As the user named it; null: the name in the URL. */
  readonly output: string | null;
  readonly force: boolean;
  /** Origins that redirects may lead to, in addition to that of the URL. */
  readonly allowOrigin: readonly string[];
  readonly quiet: boolean;
  readonly json: boolean;
}

/** The action that `sallyport.ts` provides. It returns the exit status. */
export interface FetchActions {
  fetchOne(globals: Globals, options: FetchArguments): Promise<number>;
}

interface GivenOptions {
  readonly sha256?: string;
  readonly checksumFile?: string;
  readonly output?: string;
  readonly force: boolean;
  readonly allowOrigin: readonly string[];
  readonly quiet: boolean;
  readonly json: boolean;
}

/** Adds the options to the command. */
export function addFetchOptions(fetch: Command, actions: FetchActions, { globals, does }: Hooks): void {
  fetch
    .argument('<url>', 'an http or https URL, without user and password')
    .addOption(
      new Option('--sha256 <digest>', 'the SHA-256 of the file, 64 hexadecimal digits').conflicts('checksumFile'),
    )
    .option('--checksum-file <file>', 'a file with the SHA-256, as sha256sum writes it')
    .option('-o, --output <file>', 'where to store it; default: the last part of the URL, in this folder')
    .option('--force', 'replace an existing file', false)
    .option(
      '--allow-origin <origin...>',
      'follow redirects to this origin as well, such as https://cdn.example.com',
      [],
    )
    .option('--quiet', 'print failures only', false)
    .option('--json', 'the result as JSON', false)
    .addHelpText('after', filled(FETCH_HELP))
    .action(does((url: string, given: GivenOptions) => actions.fetchOne(globals(), readArguments(url, given))));
}

/** @throws UsageError */
function readArguments(text: string, given: GivenOptions): FetchArguments {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) throw new UsageError('Give an http or https URL.');
  if (url.username !== '' || url.password !== '') {
    throw new UsageError('Give the URL without user and password: other users can read the arguments of a process.');
  }
  url.hash = '';
  const { sha256 = null, checksumFile = null, output = null } = given;
  if (sha256 !== null && !/^[0-9a-f]{64}$/i.test(sha256)) {
    throw new UsageError('--sha256 needs 64 hexadecimal digits.');
  }
  if (output === '-') {
    throw new UsageError(
      'fetch does not write to standard output: a reader would use bytes that are not verified yet. Use -o FILE and read that file.',
    );
  }
  for (const origin of given.allowOrigin) {
    if (URL.parse(origin)?.origin !== origin.replace(/\/$/, '')) {
      throw new UsageError(
        '--allow-origin needs a scheme, a host and perhaps a port, such as https://cdn.example.com.',
      );
    }
  }
  return { ...given, url, sha256: sha256?.toLowerCase() ?? null, checksumFile, output };
}

const FETCH_HELP = `
Downloads one file in the same way as the daemon downloads packages: through the proxy for updates, with learned timeouts. If
the download is interrupted, its bytes stay in FILE.part. To resume it, repeat the command. FILE appears only when it is complete and, if a
digest was given, verified.

The command runs with the rights of its user and never through the daemon. If this user can read the configuration file, it
uses the proxy settings there. Otherwise, it uses the variables http_proxy, https_proxy, all_proxy and no_proxy. If the user
cannot read the password of the proxy, the command asks for it at a terminal.

Exit status: 0 FILE is complete, 17 the content is not the expected one, 19 the file cannot be written, or the transfer was
interrupted. For all other statuses, see sallyport --help.`;
