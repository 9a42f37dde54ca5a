/* The host's own tables. Every one begins with muster_; a plugin may read muster_unit and nothing else of them.
 * A migration that has been released is never edited: a change is a new one at the end of the list. */
#include "store/migrate.h"

static const char words[] =
    /* Users. `secret` columns are hashes, see access/. `changed` counts every change of access: lanes reload when it
     * moved. */
    "CREATE TABLE muster_user("
    " id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, person TEXT, lang TEXT NOT NULL DEFAULT 'zh-CN',"
    " methods TEXT NOT NULL, disabled INTEGER NOT NULL DEFAULT 0, admin INTEGER NOT NULL DEFAULT 0,"
    " password_hash TEXT, created_at INTEGER NOT NULL) STRICT;"
    "CREATE TABLE muster_cert("
    " fingerprint TEXT PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES muster_user(id), name TEXT NOT NULL,"
    " added_at INTEGER NOT NULL, revoked_at INTEGER) STRICT;"
    "CREATE TABLE muster_token("
    " id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES muster_user(id), hash TEXT NOT NULL UNIQUE,"
    " label TEXT NOT NULL, added_at INTEGER NOT NULL, revoked_at INTEGER) STRICT;"
    "CREATE TABLE muster_role("
    " id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, grants TEXT NOT NULL, changed_at INTEGER NOT NULL) STRICT;"
    "CREATE TABLE muster_grant("
    " id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES muster_user(id),"
    " role_id INTEGER NOT NULL REFERENCES muster_role(id), unit TEXT, granted_at INTEGER NOT NULL, revoked_at INTEGER) STRICT;"
    "CREATE INDEX muster_grant_user ON muster_grant(user_id);"
    /* The unit tree, as far as the host needs it: code → path ('/YL/CB-654002/'). */
    "CREATE TABLE muster_unit("
    " id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, path TEXT NOT NULL UNIQUE, parent TEXT) STRICT;"
    /* Replies of idempotent writes, and where their keys are: see store/keys.c. */
    "CREATE TABLE muster_done("
    " id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, idem TEXT NOT NULL, hash BLOB NOT NULL, reply BLOB NOT NULL,"
    " at INTEGER NOT NULL) STRICT;"
    "CREATE TABLE muster_done_key(number INTEGER PRIMARY KEY, done_id INTEGER NOT NULL) STRICT;"
    "CREATE TABLE muster_done_mark(id INTEGER PRIMARY KEY, keyed_to INTEGER NOT NULL) STRICT;"
    "INSERT INTO muster_done_mark(id, keyed_to) VALUES(1, 0);"
    /* One row per accepted write; `chain` is SHA-256 over the row before and this row's own fields. */
    "CREATE TABLE muster_audit("
    " id INTEGER PRIMARY KEY, received_at INTEGER NOT NULL, at INTEGER NOT NULL, user TEXT NOT NULL, fingerprint TEXT,"
    " command TEXT NOT NULL, args TEXT NOT NULL, generation INTEGER NOT NULL, duration_us INTEGER NOT NULL,"
    " request BLOB NOT NULL, outcome TEXT NOT NULL, chain BLOB NOT NULL) STRICT;"
    "CREATE TABLE muster_series("
    " id INTEGER PRIMARY KEY, plugin TEXT NOT NULL, name TEXT NOT NULL, last INTEGER NOT NULL, UNIQUE(plugin, name)) STRICT;"
    "CREATE TABLE muster_setting("
    " id INTEGER PRIMARY KEY, plugin TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, changed_at INTEGER NOT NULL,"
    " UNIQUE(plugin, name)) STRICT;"
    "CREATE TABLE muster_event("
    " id INTEGER PRIMARY KEY, at INTEGER NOT NULL, plugin TEXT NOT NULL, topic TEXT NOT NULL, payload TEXT NOT NULL) STRICT;";

/* Generations, what each is made of, and the packages that stand on the shelf. `folder` is NULL for a plugin that came
 * with the program; `off` says why a plugin of the generation does not run. A package's `sums` prove its files. */
static const char generations[] =
    "CREATE TABLE muster_generation("
    " id INTEGER PRIMARY KEY, at INTEGER NOT NULL, user TEXT NOT NULL, reason TEXT NOT NULL,"
    " state TEXT NOT NULL CHECK(state IN ('probation', 'good', 'failed', 'left')), why TEXT,"
    " changed_at INTEGER NOT NULL, previous INTEGER) STRICT;"
    "CREATE TABLE muster_generation_plugin("
    " generation INTEGER NOT NULL REFERENCES muster_generation(id), name TEXT NOT NULL, version TEXT NOT NULL,"
    " hash TEXT NOT NULL, origin TEXT NOT NULL CHECK(origin IN ('bundled', 'package')), folder TEXT, package_hash TEXT,"
    " signer TEXT, asks TEXT NOT NULL, off TEXT, PRIMARY KEY(generation, name)) STRICT;"
    "CREATE TABLE muster_package("
    " hash TEXT PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, folder TEXT NOT NULL, signer TEXT NOT NULL,"
    " key_id TEXT NOT NULL, sums TEXT NOT NULL, added_at INTEGER NOT NULL) STRICT;"
    /* The way back of migrations, see store/migrate.h. */
    "ALTER TABLE muster_migration ADD COLUMN additive INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE muster_migration ADD COLUMN down TEXT;";

int migrate_host(struct store *s, struct err *err)
{
    const struct migration list[] = {
        {.number = 1, .name = "001_house", .sql = {words, sizeof(words) - 1}},
        {.number = 2, .name = "002_generations", .sql = {generations, sizeof(generations) - 1}},
    };
    return migrate(s, "muster", list, (int)(sizeof(list) / sizeof(list[0])), err);
}
