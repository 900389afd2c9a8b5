// The forms of the pages as they arrive from the browser. A form names values, never edits or text of the file, so a
// page cannot change anything that it does not show. A value that is left out stays as it is.

import { z } from 'zod';
import { PURPOSES } from '#config/purposes.ts';

const MAX_TEXT = 8_192;
const MAX_KEYS = 50;
const text = z.string().max(MAX_TEXT);
const name = z.string().max(256);
const purpose = z.enum(PURPOSES);

/** A stored password never reaches the browser: it is kept, removed, or replaced by a typed one. */
const passwordSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('kept') }),
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({ kind: z.literal('typed'), text: z.string().min(1).max(4_096) }),
]);
export type PasswordField = z.infer<typeof passwordSchema>;

/** The page Proxy Settings. It edits the default profile. Numbers are text, as they were typed. */
const proxySettingsSchema = z.strictObject({
  form: z.literal('proxy-settings'),
  /** Empty for no proxy. */
  address: text.optional(),
  port: text.optional(),
  domain: text.optional(),
  /** Empty for a proxy that asks for no user. */
  user: text.optional(),
  password: passwordSchema.default({ kind: 'kept' }),
  /** The proxy offers only Basic, and its user accepted that the password is readable. */
  in_clear: z.boolean().default(false),
  timeout_ms: text.optional(),
  mode: text.optional(),
  /** Whether each purpose uses the proxy. */
  uses_proxy: z.partialRecord(purpose, z.boolean()).default({}),
});

/** A profile of the page Proxy profiles. `name` is null for a new one. */
const profileSchema = z.strictObject({
  form: z.literal('profile'),
  name: name.nullable(),
  /** Its name after the change. */
  new_name: name.optional(),
  /** By the flag of `sallyport proxy add`, such as `tunnel-http`. Empty removes the key. */
  fields: z.record(z.string().max(64), text).default({}),
  password: passwordSchema.default({ kind: 'kept' }),
  make_default: z.boolean().default(false),
});

const deleteSchema = z.strictObject({
  form: z.literal('delete'),
  name,
  /** The profile that becomes the default if the deleted one was; null for none. */
  new_default: name.nullable().default(null),
});

const defaultSchema = z.strictObject({ form: z.literal('default'), name });

/** `none`, `default` or the name of a profile, for each purpose. */
const routesSchema = z.strictObject({ form: z.literal('routes'), routes: z.partialRecord(purpose, name) });

const enabledSchema = z.strictObject({ form: z.literal('enabled'), enabled: z.boolean() });

/** Keys of the page Configuration. Null removes a key, so that its default applies. */
const keysSchema = z.strictObject({
  form: z.literal('keys'),
  keys: z
    .array(z.strictObject({ key: z.string().min(1).max(256), value: text.nullable() }))
    .min(1)
    .max(MAX_KEYS),
});

const formSchema = z.discriminatedUnion('form', [
  proxySettingsSchema,
  profileSchema,
  deleteSchema,
  defaultSchema,
  routesSchema,
  enabledSchema,
  keysSchema,
]);
export type PageForm = z.infer<typeof formSchema>;
/** A form as a page sends it. */
export type SentForm = z.input<typeof formSchema>;

/** A form, and the sha256 in hex of the file that its page showed. */
export const formRequestSchema = z.strictObject({
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  form: formSchema,
  /** Chosen by the page, so that it recognizes its own change later. */
  attempt: z
    .string()
    .regex(/^[0-9a-f]{1,32}$/)
    .optional(),
});
export type FormRequest = z.infer<typeof formRequestSchema>;

/** Names a trial, so that a page acts on the one that it shows. */
export const trialRequestSchema = z.strictObject({ trial: z.int().min(1) });

/** The PIN of the menu, which also protects the settings from a user who reads them through the change service. */
export const pinRequestSchema = z.strictObject({ pin: z.string().max(64) });
