/**
 * The tests of the public suite theupdateframework/tuf-conformance by module and name, each with the test here that proves it.
 *
 * Read from its files of many versions. The suite had 50 tests in v2.3.0, 52 in v2.4.0, 53 at eec841c1 (2026-08-17), and 56
 * with test_delegated_expiration. Two of test_basic that came with v2.4.0 are in no file that could be read, and no other
 * project names them in a list of results, so they are not here. Where a name is listed without another, the test has the same name.
 */

/** The tests of a module: their names, or the name here of one that is called differently. */
interface SuiteModule {
  readonly module: string;
  /** The file in this folder. */
  readonly file: string;
  /** With the values of parametrized tests. */
  readonly tests: readonly SuiteTest[];
}

interface SuiteTest {
  readonly name: string;
  readonly cases?: readonly string[];
  /** Where it has another name here: the file below test/tuf, and the name. */
  readonly here?: readonly [file: string, name: string];
}

const named = (...names: readonly string[]): readonly SuiteTest[] => names.map((name) => ({ name }));

/** The newest version of each module. */
export const NEWEST: readonly SuiteModule[] = [
  {
    module: 'test_basic',
    file: 'basic.test.ts',
    tests: [
      ...named(
        'test_basic_refresh_requests',
        'test_basic_refresh_trusted_data',
        'test_implicit_refresh',
        'test_invalid_initial_root',
        'test_unsigned_initial_root',
        'test_timestamp_content_changes',
        'test_basic_metadata_hash_support',
        'test_metadata_bytes_match',
        'test_custom_fields',
        'test_deprecated_keyid_hash_algorithms',
        'test_snapshot_404',
        'test_targets_404',
        'test_timestamp_404',
        'test_incorrect_metadata_type',
        'test_faketime',
      ),
      { name: 'test_unsigned_metadata', cases: ['root', 'timestamp', 'snapshot', 'targets'] },
      { name: 'test_url_and_metadata_version_mismatch', cases: ['root', 'snapshot', 'targets'] },
    ],
  },
  {
    module: 'test_expiration',
    file: 'expiration.test.ts',
    tests: named(
      'test_root_expired',
      'test_timestamp_expired',
      'test_snapshot_expired',
      'test_targets_expired',
      'test_expired_local_root',
      'test_expired_local_timestamp',
    ),
  },
  {
    module: 'test_delegated_expiration',
    file: 'expiration.test.ts',
    tests: named(
      'test_delegated_targets_expired',
      'test_expired_local_delegated_targets',
      'test_expired_local_delegated_targets_updates',
    ),
  },
  {
    module: 'test_file_download',
    file: 'downloads.test.ts',
    tests: [
      ...named(
        'test_client_downloads_expected_file',
        'test_client_downloads_expected_file_in_sub_dir',
        'test_repository_substitutes_target_file',
        'test_multiple_changes_to_target',
        'test_download_with_unknown_hash_algorithm',
        'test_artifact_cache',
      ),
      { name: 'test_download_with_hash_algorithms', cases: ['sha256', 'sha512'] },
    ],
  },
  {
    module: 'test_keys',
    file: 'keys.test.ts',
    tests: [
      ...named(
        'test_snapshot_does_not_meet_threshold',
        'test_snapshot_has_too_few_keys',
        'test_duplicate_keys',
        'test_duplicate_sig_keyids',
        'test_invalid_sig_in_valid_metadata',
      ),
      {
        name: 'test_keytype_and_scheme',
        cases: ['rsa/rsassa-pss-sha256', 'ecdsa/ecdsa-sha2-nistp256', 'ed25519/ed25519'],
      },
    ],
  },
  {
    module: 'test_quoting_issues',
    file: 'downloads.test.ts',
    tests: [{ name: 'test_unusual_role_name', cases: ['?', '#', '/delegatedrole', '../delegatedrole'] }],
  },
  {
    module: 'test_rollback',
    file: 'rollback.test.ts',
    tests: [
      ...named(
        'test_simple_snapshot_rollback',
        'test_new_timestamp_version_rollback',
        'test_new_targets_fast_forward_recovery',
        'test_new_snapshot_fast_forward_recovery',
        'test_new_timestamp_fast_forward_recovery',
      ),
      { name: 'test_snapshot_rollback', cases: ['basic', 'with hashes'] },
      { name: 'test_targets_rollback', cases: ['basic', 'with hashes'] },
    ],
  },
  {
    module: 'test_static_repositories',
    file: 'downloads.test.ts',
    // On repositories of the same shape that the tests make.
    tests: [
      {
        name: 'test_static_repo',
        here: ['conformance/downloads.test.ts', 'test_static_repo[sigstore-root-signing]'],
      },
      { name: 'test_static_repo', here: ['conformance/downloads.test.ts', 'test_static_repo[tuf-on-ci-0.11]'] },
    ],
  },
  {
    module: 'test_updater_delegation_graphs',
    file: 'delegations.test.ts',
    tests: [
      {
        name: 'test_graph_traversal',
        cases: [
          'basic-delegation',
          'single-level-delegations',
          'two-level-delegations',
          'two-level-test-DFS-order-of-traversal',
          'three-level-delegation-test-DFS-order-of-traversal',
          'two-level-terminating-ignores-all-but-roles-descendants',
          'three-level-terminating-ignores-all-but-roles-descendants',
          'two-level-ignores-all-branches-not-matching-paths',
          'three-level-ignores-all-branches-not-matching-paths',
          'cyclic-graph',
          'two-roles-delegating-to-a-third',
          'two-roles-delegating-to-a-third-different-paths',
        ],
      },
      {
        name: 'test_targetfile_search',
        cases: [
          'no delegations',
          'targetpath matches wildcard',
          'targetpath with separators x',
          'targetpath with separators y',
          'targetpath is not delegated by all roles in the chain',
        ],
      },
      {
        name: 'test_succinct_roles_graph_traversal',
        cases: [
          'bin amount = 2, target bin index 0',
          'bin amount = 2, target bin index 1',
          'bin amount = 4, target bin index 0',
          'bin amount = 4, target bin index 1',
          'bin amount = 4, target bin index 2',
          'bin amount = 4, target bin index 3',
          'bin amount = 256, target bin index fc',
        ],
      },
      { name: 'test_cached_role_is_verified_against_current_delegator' },
    ],
  },
  {
    module: 'test_updater_key_rotations',
    file: 'keys.test.ts',
    tests: [
      {
        name: 'test_root_rotation',
        cases: [
          '1-of-1-key-rotation',
          '1-of-1-key-rotation-unused-signatures',
          '3-of-5-sign-with-different-keycombos',
          '3-of-5-one-key-rotated',
          '3-of-5-one-key-rotated-with-intermediate-step',
          '3-of-5-all-keys-rotated-with-intermediate-step',
          '1-of-3-threshold-increase-to-2-of-3',
          '2-of-3-threshold-decrease-to-1-of-3',
          '1-of-2-threshold-increase-to-2-of-2',
          '1-of-1-key-rotation-fail-not-signed-with-old-key',
          '1-of-1-key-rotation-fail-not-signed-with-new-key',
          '3-of-5-one-key-rotate-fails-not-signed-with-3-new-keys',
          '3-of-5-one-key-rotate-fails-not-signed-with-3-old-keys',
          '1-of-3-threshold-bump-to-2-of-3-fails-new-threshold-not-reached',
          '2-of-3-threshold-decr-to-1-of-3-fails-old-threshold-not-reached',
        ],
      },
      {
        name: 'test_non_root_rotations',
        cases: [
          '1-of-1-key-rotation',
          '1-of-1-key-rotation-unused-signatures',
          '1-of-1-key-rotation-fail-not-signed-with-new-key',
          '3-of-5-one-key-signature-wrong-not-signed-with-3-expected-keys',
          '2-of-5-one-key-signature-missing-threshold-not-reached',
          '3-of-5-sign-first-combo',
          '3-of-5-sign-second-combo',
          '3-of-5-sign-third-combo',
          '3-of-5-sign-fourth-combo',
          '3-of-5-sign-fifth-combo',
        ],
      },
    ],
  },
];

const BASIC = 'conformance/basic.test.ts';
const DOWNLOADS = 'conformance/downloads.test.ts';
const KEYS = 'conformance/keys.test.ts';

/** Tests that only older versions have: renamed, merged into others, or removed. */
export const OLDER: readonly SuiteModule[] = [
  {
    module: 'test_basic',
    file: 'basic.test.ts',
    tests: [
      { name: 'test_basic_init_and_refresh', here: [BASIC, 'test_basic_refresh_requests'] },
      { name: 'test_timestamp_eq_versions_check', here: [BASIC, 'test_timestamp_content_changes'] },
      { name: 'test_TestTimestampEqVersionsCheck', here: [BASIC, 'test_timestamp_content_changes'] },
      { name: 'test_new_targets_hash_mismatch', here: [BASIC, 'test_basic_metadata_hash_support'] },
      { name: 'test_new_targets_version_mismatch' },
    ],
  },
  {
    module: 'test_expiration',
    file: 'expiration.test.ts',
    tests: [
      {
        name: 'test_expired_metadata',
        here: ['conformance/expiration.test.ts', 'test_expired_local_timestamp'],
      },
      {
        name: 'test_TestDelegateConsistentSnapshotDisabled',
        here: ['conformance/delegations.test.ts', 'test_TestDelegateConsistentSnapshotDisabled'],
      },
    ],
  },
  {
    module: 'test_file_download',
    file: 'downloads.test.ts',
    tests: [
      { name: 'test_downloaded_file_is_correct', here: [DOWNLOADS, 'test_client_downloads_expected_file'] },
      { name: 'test_downloaded_file_is_correct2', here: [DOWNLOADS, 'test_repository_substitutes_target_file'] },
      { name: 'test_downloaded_file_is_correct3', here: [DOWNLOADS, 'test_multiple_changes_to_target'] },
    ],
  },
  {
    module: 'test_keys',
    file: 'keys.test.ts',
    tests: [
      { name: 'test_root_has_keys_but_not_snapshot' },
      { name: 'test_wrong_hashing_algorithm', here: [BASIC, 'test_deprecated_keyid_hash_algorithms'] },
      { name: 'test_snapshot_threshold', here: [KEYS, 'test_snapshot_has_too_few_keys'] },
      { name: 'test_duplicate_keys_root', here: [KEYS, 'test_duplicate_keys'] },
    ],
  },
  { module: 'test_rollback', file: 'rollback.test.ts', tests: named('test_new_snapshot_version_mismatch') },
];
