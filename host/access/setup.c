#include "access/setup.h"

#include "access/users.h"
#include "base/clock.h"
#include "store/migrate.h"

/* One batch with one command, as the writer lane would do it, before there is a server. */

static int add_admin(struct store *s, const char *user, const char *fingerprint, struct err *err)
{
    const struct user_fields fields = {.methods = SLICE("cert")};
    int64_t now = clock_now_ms(), id = 0;
    int rv = user_add(s, slice_of(user), &fields, true, now, &id, err);
    if (rv)
        return rv;
    const struct user made = {.id = id, .admin = true, .methods = METHOD_CERT};
    return user_cert(s, &made, slice_of(fingerprint), SLICE("init"), now, err);
}

static int in_one_batch(struct store *s, const char *user, const char *fingerprint, struct err *err)
{
    const struct store_request request = {0};
    int rv = store_batch_begin(s, err);
    if (rv < 0)
        return rv;
    if (rv != STORE_OK)
        return err_set(err, ERR_IO, "begin the first transaction: another process owns the database");
    rv = store_command_begin(s, &request, NULL, err);
    if (rv == STORE_NEW) {
        rv = add_admin(s, user, fingerprint, err);
        if (rv == 0)
            rv = store_command_end(s, &request, SLICE("_\r\n"), err);
        else
            store_command_abort(s);
    }
    if (rv) {
        store_batch_abort(s);
        return rv < 0 ? rv : err_set(err, ERR_IO, "add the administrator: the transaction was lost");
    }
    rv = store_batch_commit(s, err);
    return rv <= 0 ? rv : err_set(err, ERR_IO, "commit the administrator: outcome %d", rv);
}

int setup_administrator(const char *db_path, const char *user, const char *fingerprint, struct err *err)
{
    const struct store_options options = {.path = db_path};
    struct store *s = NULL;
    int rv = store_open(&options, STORE_WRITER, &s, err);
    if (rv == 0)
        rv = migrate_host(s, err);
    if (rv >= 0)
        rv = in_one_batch(s, user, fingerprint, err);
    store_close(s);
    return rv < 0 ? rv : 0;
}
