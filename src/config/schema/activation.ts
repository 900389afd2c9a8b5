// Section `activation`: the activation server, and the keys of the vendor whose licenses this host accepts.

import { z } from 'zod';
import { describeKey, section, validatedText } from './key.ts';
import { signedTargetPath } from './updates-tuf.ts';
import { isLoopbackUrl, validateNoControl, validateUrlText } from './values.ts';

/** Enough for several vendors, each with a key in use and its successor. */
const MAX_KEYS = 16;
const MAX_SITE = 128;
/** The DER of every Ed25519 public key begins with these bytes (RFC 8410, 4); 32 bytes of the key follow. */
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex');
const SPKI_BYTES = SPKI_HEAD.length + 32;

export const activation = section(
  {
    url: describeKey(validatedText(validateActivationUrl).optional(), {
      title: 'URL',
      description:
        'The server that activates this host. Requests to it use the route of updates. If the URL is on another server than the feed, every failure of an activation names it.',
      allowed: 'an https URL without user, password and fragment; http only for this host',
      absent: 'the path /activation at the origin of the feed',
      example: 'https://updates.example.com/activation',
      effect: 'next_transfer',
      setBy: 'root',
    }),
    license_keys: describeKey(z.array(validatedText(validateLicenseKey)).max(MAX_KEYS).default([]), {
      title: 'License keys',
      description:
        'The public keys of the vendor. A license is accepted if one of them has signed it. Without a key, here or in license_keys_target, this host cannot be activated.',
      allowed: `a list of at most ${MAX_KEYS} Ed25519 public keys, each as the base64 line of a PEM file`,
      example: ['MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs='],
      effect: 'now',
      setBy: 'root',
    }),
    license_keys_target: describeKey(signedTargetPath.optional(), {
      title: 'License keys target',
      description:
        'Path of a list of public keys in the signed feed of the vendor. These keys are accepted in addition to license_keys. The list is read at each check of the feed, and at least once a day. Needs updates.trust: tuf.',
      allowed: 'a path such as license-keys.json',
      absent: 'only license_keys are accepted',
      example: 'license-keys.json',
      effect: 'now',
      setBy: 'root',
    }),
    site: describeKey(validatedText(validateSite).optional(), {
      title: 'Site',
      description:
        'The name of the site of this host, as the vendor writes it in licenses for a whole site. Such a license is accepted by every host of the site.',
      allowed: `a text of at most ${MAX_SITE} characters`,
      absent: 'only licenses for this host are accepted',
      example: 'berlin-1',
      effect: 'now',
      setBy: 'root',
    }),
  },
  'Activation',
  'Where this host is activated, and whose licenses it accepts. Updates, receipts and uploads work without an activation; only the server of the vendor may refuse them.',
);

function validateActivationUrl(text: string): string | null {
  const wrong = validateUrlText(text, ['https', 'http']);
  if (wrong !== null) return wrong;
  const url = new URL(text);
  return url.protocol === 'https:' || isLoopbackUrl(url)
    ? null
    : 'Use https: over http, everyone on the network path could read the activation key.';
}

/** One spelling only, so that two texts are the same key if and only if they are equal. */
export function validateLicenseKey(text: string): string | null {
  const der = Buffer.from(text, 'base64');
  const isKey = der.length === SPKI_BYTES && der.subarray(0, SPKI_HEAD.length).equals(SPKI_HEAD);
  if (isKey && der.toString('base64') === text) return null;
  return 'Write the 60 characters between the lines BEGIN PUBLIC KEY and END PUBLIC KEY of an Ed25519 key.';
}

function validateSite(text: string): string | null {
  if (text.trim() === '') return 'The name of a site is not empty.';
  if (text.length > MAX_SITE) return `The name of a site has at most ${MAX_SITE} characters.`;
  return validateNoControl(text);
}
