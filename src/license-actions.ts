// The commands of `sallyport license` that use the vendor's keys: license files, and the public key that admins
// configure.

import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import type { SignLicenseArguments } from '#cli/program/program-vendor.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { signLicense } from '#origin/platform/licenses/license.ts';
import { licenseKeyOf, signerOfFolder } from '#origin/platform/licenses/license-signer.ts';
import { readOfflineRequest } from '#origin/platform/licenses/offline-request.ts';
import { namedKeys } from '#origin/signing/key-folder.ts';
import { systemClock } from '#system/clock.ts';
import { writeDurably } from '#system/durable.ts';
import { utcTime } from '#system/moment.ts';
import { realFiles } from '#system/real-files.ts';
import { openSigner, readInput, type SigningHost } from './signing-host.ts';

/** The clock of a host may be behind. */
const CLOCK_TOLERANCE_MS = 300_000;
const LICENSE_MODE = 0o644;

/** `license sign` */
export async function licenseSign(
  host: SigningHost,
  requestFile: string | null,
  options: SignLicenseArguments,
): Promise<number> {
  const { site, expires, feature: features = [], output } = options;
  if ((site === undefined) === (requestFile === null)) {
    throw new UsageError('Give the file of a request, or --site for all hosts of a site.');
  }
  const whose = requestFile === null ? { site: site ?? '' } : { agent: await agentOfRequest(requestFile) };
  const signer = signerOfFolder(await openSigner(host, options), options.key);
  const id = options.id ?? `F-${randomBytes(5).toString('hex')}`;
  const notBefore = utcTime(systemClock.now() - CLOCK_TOLERANCE_MS);
  const license = await signLicense({ format: 1, id, ...whose, not_before: notBefore, expires, features }, signer);
  const text = `${JSON.stringify(license, null, 2)}\n`;
  if (output === undefined) {
    host.terminal.out(text.trimEnd());
    return EXIT_OK;
  }
  await writeDurably(realFiles, resolve(output), Buffer.from(text), LICENSE_MODE);
  const holder = 'agent' in whose ? `agent ${whose.agent}` : 'the site';
  host.terminal.out(`Wrote the license ${id} of ${holder} to ${output}; it expires at ${expires}.`);
  return EXIT_OK;
}

/** `license key` */
export async function licenseKey({ terminal }: SigningHost, name: string, { keys }: { keys: string }): Promise<number> {
  for (const key of await namedKeys({ files: realFiles, dir: resolve(keys) }, [name])) terminal.out(licenseKeyOf(key));
  return EXIT_OK;
}

async function agentOfRequest(file: string): Promise<string> {
  const read = readOfflineRequest(await readInput(file));
  if ('problem' in read) throw new UsageError(`${file} cannot be used: ${read.problem}.`);
  return read.agent;
}
