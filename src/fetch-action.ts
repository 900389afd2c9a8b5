// Runs `sallyport fetch`: reads the caller's configuration and state, and passes them to the module that downloads the
// file.

import { basename } from 'node:path';
import { findDigest } from '#cli/fetch/checksums.ts';
import { type FetchDone, type FetchFacts, fetchCommand } from '#cli/fetch/fetch.ts';
import type { FetchProgress } from '#cli/fetch/fetch-screen.ts';
import type { FetchArguments } from '#cli/program/program-fetch.ts';
import type { Globals } from '#cli/program/program-hooks.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import type { Environment, Places } from '#config/places.ts';
import type { Settings } from '#config/settings.ts';
import { NetworkReloader } from '#daemon/reload/network-reloader.ts';
import { coded } from '#errors/coded-error.ts';
import { purposeHeaders, userAgentOf } from '#http/purpose-headers.ts';
import { TokenBindings } from '#http/token-bindings.ts';
import type { Report } from '#logging/events.ts';
import type { KnownSecrets } from '#redaction/known-secrets.ts';
import { createRedactor } from '#redaction/redact.ts';
import { systemClock, systemRandom } from '#system/clock.ts';
import { openInput } from '#system/process/input-file.ts';
import { realFiles } from '#system/real-files.ts';
import { ResponseTimeoutModel } from '#timeout/model.ts';
import { timeoutSettings } from '#timeout/settings.ts';
import { ProxyWitnesses } from '#transfer/hold-watch.ts';
import { configuredFeed } from '#updates/request.ts';
import { type Configuration, chooseConfiguration } from './fetch/configuration.ts';
import { fetchToFile } from './fetch/fetch-file.ts';
import { type OwnState, openOwnState } from './fetch/own-state.ts';
import { hashExisting, PartFolder, resolveTarget } from './fetch/target.ts';

export interface FetchActionParts {
  readonly terminal: Terminal;
  readonly known: KnownSecrets;
  readonly environment: Environment;
  readonly places: Places;
  readonly version: string;
  readonly signal: AbortSignal;
  /** The working directory. */
  readonly folder: string;
  /** Permission bits that new files do not get. */
  readonly umask: number;
}

const MAX_CHECKSUM_BYTES = 1_048_576;
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

export async function fetchAction(parts: FetchActionParts, globals: Globals, options: FetchArguments): Promise<number> {
  const known = createRedactor(parts.known);
  return await fetchCommand(
    parts.terminal,
    {
      known,
      clock: systemClock,
      run: (given, to) => new Fetch(parts, globals, { options: given, ...to }).run(),
    },
    options,
  );
}

interface Given {
  readonly options: FetchArguments;
  readonly progress: FetchProgress;
  readonly facts: FetchFacts;
}

class Fetch {
  readonly #parts: FetchActionParts;
  readonly #globals: Globals;
  readonly #given: Given;

  constructor(parts: FetchActionParts, globals: Globals, given: Given) {
    this.#parts = parts;
    this.#globals = globals;
    this.#given = given;
  }

  async run(): Promise<FetchDone> {
    const { options, facts, progress } = this.#given;
    const { folder, umask, signal } = this.#parts;
    const target = await resolveTarget(realFiles, { ...options, folder });
    facts.file = target;
    const digest = await this.#digest(target);
    const existing = await this.#existing(target, digest);
    if (existing !== null) return existing;
    if (digest === null && options.url.protocol === 'http:') {
      progress.note(
        'Warning: no digest and no TLS. Every system on the path can change the file unnoticed. Use --sha256.',
      );
    }
    const configuration = await this.#configuration();
    facts.configuration = configuration.source;
    progress.note(configuration.sentence);
    const part = await PartFolder.open({ files: realFiles, clock: systemClock, umask }, target);
    try {
      // Another command may have finished it meanwhile.
      const finished = await this.#existing(target, digest);
      if (finished !== null) return finished;
      return await this.#transfer(configuration, { part, digest });
    } catch (thrown) {
      facts.keptBytes = await part.keptBytes().catch(() => 0);
      throw signal.aborted ? signal.reason : thrown;
    } finally {
      await part.close();
    }
  }

  async #digest(target: string): Promise<{ readonly sha256: string; readonly source: string } | null> {
    const { sha256, checksumFile: path, url } = this.#given.options;
    if (sha256 !== null) return { sha256, source: '--sha256' };
    if (path === null) return null;
    const names = [basename(target), url.pathname.split('/').at(-1) ?? ''];
    const found = findDigest(await readInput(path), names);
    if (!found.ok) throw coded('FETCH-CHECKSUMS', { name: basename(target), path, reason: found.reason });
    return { sha256: found.sha256, source: path };
  }

  /** The result if the file is there already. @throws CodedError FETCH-EXISTS, FETCH-TARGET */
  async #existing(target: string, digest: { readonly sha256: string } | null): Promise<FetchDone | null> {
    const { options } = this.#given;
    const existing = await hashExisting(realFiles, target, this.#parts.signal);
    if (existing === null) return null;
    if (digest === null) {
      if (options.force) return null;
      throw coded('FETCH-EXISTS', { path: target, reason: 'no digest was given to compare it with' });
    }
    const sha256 = await existing.sha256();
    if (sha256 !== digest.sha256) {
      if (options.force) return null;
      throw coded('FETCH-EXISTS', { path: target, reason: 'it has another digest' });
    }
    return { bytes: existing.bytes, sha256, verified: true, existed: true, resumedFrom: 0, proxy: null, via: null };
  }

  async #configuration(): Promise<Configuration> {
    const { terminal, known, environment, places } = this.#parts;
    const { url } = this.#given.options;
    const chosen = await chooseConfiguration({
      ...{ known, environment, places, target: url },
      given: this.#globals.config ?? null,
      ask: terminal.answers.interactive ? (question) => terminal.answers.hidden(question) : null,
    });
    if (chosen.ok) return chosen.configuration;
    const { problemLine } = await import('#config/problem.ts');
    for (const problem of chosen.refused.problems) terminal.err(problemLine(problem));
    throw chosen.refused.error;
  }

  async #transfer(
    configuration: Configuration,
    to: { readonly part: PartFolder; readonly digest: { readonly sha256: string; readonly source: string } | null },
  ): Promise<FetchDone> {
    const { options, progress, facts } = this.#given;
    const { settings, environment, daemonState } = configuration;
    const { signal, known } = this.#parts;
    const redactor = createRedactor(known);
    const own = { files: realFiles, clock: systemClock, redactor, environment, daemonState };
    const state = await openOwnState(own);
    const report = this.#report();
    const { router, headers } = await this.#network(configuration, state, report);
    const allowedOrigins = [...settings.updates.allowed_origins, ...options.allowOrigin];
    const model = new ResponseTimeoutModel({}, state.timeouts.learned);
    model.configure(timeoutSettings(settings));
    const witnesses = new ProxyWitnesses({
      ...{ clock: systemClock, random: systemRandom, memory: state.witnessMemory },
      isEnabled: () => settings.response_timeout.probe,
      // What is not remembered only delays the next verdict.
      failed: () => undefined,
    });
    const { fetched, proxy } = await fetchToFile(
      {
        ...{ files: realFiles, clock: systemClock, random: systemRandom, router, settings, model, headers, report },
        ...{ timeouts: state.timeouts, habits: state.habits, boot: await bootId(), witnesses },
        watch: {
          note: (text) => progress.note(text),
          attempt: (number) => {
            facts.attempts = number;
          },
          waits: (wait) => progress.waits(wait, facts.attempts),
          waitChanged: (change) => progress.waitChanged(change),
          received: (bytes, length) => progress.received(bytes, length),
        },
      },
      { job: { url: options.url, digest: to.digest, allowedOrigins, force: options.force }, part: to.part },
      signal,
    );
    const { length: bytes, sha256, keptBytes: resumedFrom, via } = fetched;
    return { bytes, sha256, verified: to.digest !== null, existed: false, resumedFrom, proxy, via };
  }

  async #network({ settings, environment }: Configuration, { credentialGuard }: OwnState, report: Report) {
    const { known, version } = this.#parts;
    const { url } = this.#given.options;
    const userAgent = userAgentOf({ version });
    const router = new NetworkReloader({ clock: systemClock, known, report, credentialGuard, userAgent, environment });
    await router.verify(null, settings);
    await router.commit(null, settings);
    const tokens = new TokenBindings(credentialGuard);
    tokens.bindSecrets(settings);
    // The token of the feed goes only to the server of the feed.
    const isFeed = configuredFeed(settings)?.origin === url.origin && hasTokens(settings);
    const headers = (credentials: boolean) =>
      purposeHeaders('updates', settings, { agent: { version }, tokens, credentials: credentials && isFeed });
    return { router, headers };
  }

  /** Warnings of the network are shown; everything else is shown as progress. */
  #report(): Report {
    const { progress } = this.#given;
    return (event) => {
      void import('#logging/record.ts').then(async ({ toRecord }) => {
        const record = toRecord(event, systemClock.now(), createRedactor(this.#parts.known));
        if (record.level !== 'warn' && record.level !== 'error') return;
        const { classicLine } = await import('#logging/classic.ts');
        progress.note(classicLine(record));
      });
    };
  }
}

/** False if the caller cannot read one of them. */
function hasTokens({ updates }: Settings): boolean {
  const { bearer_token: token, headers } = updates;
  return [...Object.values(headers), ...(token === undefined ? [] : [token])].every((one) => one.reveal() !== '');
}

async function readInput(path: string): Promise<string> {
  const input = await openInput(path === '-' ? '/dev/stdin' : path);
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of input.chunks()) {
      bytes += chunk.length;
      if (bytes > MAX_CHECKSUM_BYTES)
        throw coded('FETCH-CHECKSUMS', { name: 'the file', path, reason: 'it is too large' });
      chunks.push(Buffer.from(chunk));
    }
  } finally {
    await input.close();
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Files of /proc have no size, so that they are read like a pipe. */
async function bootId(): Promise<string> {
  return await readInput(BOOT_ID).then(
    (text) => text.trim(),
    () => 'unknown',
  );
}
