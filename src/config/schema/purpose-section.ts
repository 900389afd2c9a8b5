// The configuration section of a purpose: its URL, whether it is enabled, the CAs that it trusts and its credentials.
//
// Every purpose has the same keys for trust and credentials. Credentials are sent only to the origin of the URL of the
// purpose. CAs and pins apply to every server that is reached for the purpose.

import { z } from 'zod';
import { clientCertificate } from './client-certificate.ts';
import { describeKey, section, validatedText } from './key.ts';
import { filePath, PATH_ALLOWED, SECRET_ALLOWED, secretSource } from './leaves.ts';
import { validateHeaderName, validatePin, validateUrlText } from './values.ts';

/** The words for a purpose in the descriptions of its keys. */
interface Wording {
  /** The section in the file. */
  readonly name: string;
  /** The origin that the credentials are sent to: `the feed`. */
  readonly origin: string;
  /** What TLS connections are made for: `updates`. */
  readonly traffic: string;
}

/** The keys for trust and credentials of a purpose. */
export function trustKeys({ name, origin, traffic }: Wording) {
  return {
    headers: describeKey(z.record(validatedText(validateHeaderName), secretSource).default({}), {
      title: 'Headers',
      description: `Headers to send to the origin of ${origin}, such as an API key. The values are secrets.`,
      secret: true,
      allowed: `header names, each with ${SECRET_ALLOWED}; not the headers that Sallyport sets itself or that HTTP defines`,
      example: { 'X-Api-Key': { file: 'secrets/api-key' } },
      effect: 'next_transfer',
      setBy: 'root',
    }),
    bearer_token: describeKey(secretSource.optional(), {
      title: 'Bearer token',
      description: `Token to send to the origin of ${origin} as Authorization: Bearer. It is never sent to a proxy or to another origin.`,
      secret: true,
      allowed: SECRET_ALLOWED,
      absent: 'no token is sent',
      example: { file: 'secrets/bearer-token' },
      effect: 'next_transfer',
      setBy: 'root',
    }),
    client_certificate: describeKey(clientCertificate.optional(), {
      title: 'Client certificate',
      description: `Certificate and key for a server that requires a client certificate. Presented to the origin of ${origin} only.`,
      allowed: 'certificate_file, key_file and, if the key is encrypted, passphrase',
      absent: 'no certificate is presented',
      effect: 'next_transfer',
      setBy: 'root',
    }),
    ca_file: describeKey(filePath.optional(), {
      title: 'CA file',
      description: `PEM file with the certificate authorities (CAs) to trust for ${traffic}, in place of the built-in ones.`,
      allowed: PATH_ALLOWED,
      absent: 'the CAs built into the program',
      example: `/etc/ssl/certs/${name.replaceAll('_', '-')}-ca.pem`,
      effect: 'next_transfer',
      setBy: 'root',
    }),
    pins: describeKey(z.array(validatedText(validatePin)).min(1).max(16).optional(), {
      title: 'Pins',
      description:
        `Public keys. The certificate chain of each TLS connection for ${traffic} must be valid and contain at least one of these keys. ` +
        'A key can be that of the server or of a CA in its chain. Pins apply to every origin, so list a key for each CA in use, and a spare one.',
      allowed: 'a list of 1 to 16 texts: sha256/ and the digest of a public key in base64 (RFC 7469)',
      absent: 'the key of any trusted CA is accepted',
      example: ['sha256/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8='],
      effect: 'next_transfer',
      setBy: 'root',
    }),
  };
}

/**
 * The keys of a purpose whose TLS a proxy may decrypt. Only purposes whose content is protected in another way have
 * them. `condition` is the setting that this requires, and the reason.
 */
export function interceptionKeys({ name, condition }: { readonly name: string; readonly condition: string }) {
  return {
    allow_interception_by: describeKey(filePath.optional(), {
      title: 'Allow interception by',
      description:
        'PEM file with the CAs of a proxy that may decrypt TLS (TLS inspection). Certificates that these CAs issued are accepted in addition to those of the server. ' +
        `${condition} The proxy can read all requests and responses. Pins apply only to connections that the proxy does not decrypt.`,
      allowed: `${PATH_ALLOWED}. Not together with client_certificate, which no proxy can pass on`,
      absent: 'a connection that a proxy decrypts fails with TLS-INTERCEPTED',
      example: `/etc/ssl/certs/${name.replaceAll('_', '-')}-inspection-ca.pem`,
      effect: 'next_transfer',
      setBy: 'root',
    }),
    send_tokens_when_intercepted: describeKey(z.boolean().default(false), {
      title: 'Send tokens when intercepted',
      description:
        'Whether bearer_token and headers are also sent while a proxy decrypts TLS. The proxy, and everyone who can read its memory or logs, can then read these secrets. In section updates, this key also decides whether Sallyport sends an activation key through such a proxy.',
      effect: 'next_transfer',
      setBy: 'root',
    }),
  };
}

/** The URL that a purpose needs, with its own rules. */
interface UrlOf {
  readonly schema: z.ZodOptional<z.ZodString>;
  readonly allowed: string;
  readonly example: string;
}

/** The words for the section of a purpose that uses one URL. */
interface Sending {
  /** The section in the file. */
  readonly name: string;
  readonly title: string;
  /** What goes to the URL: `support logs are sent to`. */
  readonly sends: string;
  /** What `enabled` allows: `support logs may be sent`. */
  readonly enables: string;
  /** What TLS connections are made for. */
  readonly traffic: string;
  readonly url: UrlOf;
}

/** The URL of an upload. Other schemes than https are refused by a rule, once the purpose is enabled. */
export function uploadUrl(example: string): UrlOf {
  return {
    schema: validatedText((text) => validateUrlText(text, ['https', 'http', 'wss'])).optional(),
    allowed: 'an https URL without user, password and fragment; http only for this host (127.0.0.0/8, ::1, localhost)',
    example,
  };
}

/** The section of a purpose that uses one URL, with the keys that only this purpose has. */
export function purposeSection<Own extends z.core.$ZodLooseShape>(sending: Sending, own: Own) {
  const { name, title, sends, enables, traffic, url } = sending;
  return section(
    {
      enabled: describeKey(z.boolean().default(false), {
        title: 'Enabled',
        description: `Whether ${enables}.`,
        effect: 'next_transfer',
        setBy: 'admin',
      }),
      url: describeKey(url.schema, {
        title: 'URL',
        description: `The URL that ${sends}.`,
        allowed: url.allowed,
        absent: 'status shows the purpose as not configured',
        example: url.example,
        effect: 'next_transfer',
        setBy: 'root',
      }),
      ...own,
      ...trustKeys({ name, origin: `${name}.url`, traffic }),
    },
    title,
    `The URL that ${sends}, the CAs that are trusted there, and the credentials for it.`,
  );
}
