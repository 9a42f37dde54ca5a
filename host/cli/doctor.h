/* What `muster doctor` looks at, and what it finds. Inside cli/. */
#ifndef MUSTER_CLI_DOCTOR_H
#define MUSTER_CLI_DOCTOR_H

#include "cli/house.h"
#include "ops/install_set.h"
#include "store/store.h"

enum doctor_level { DOCTOR_OK, DOCTOR_NOTE, DOCTOR_WRONG };

struct finding {
    enum doctor_level level;
    char rule[40];  /* "doctor.certificate" … for programs that watch */
    char about[80]; /* "plugin fund" */
    char text[600];
    char todo[300]; /* what to do, or "" */
};

#define DOCTOR_FINDINGS_MAX 500

struct doctor {
    struct house house;
    struct finding *findings;
    int count;
    struct store *store; /* a reader; NULL when the database cannot be opened */
    struct set set;      /* of the newest generation; number 0: none is recorded */
    bool served;         /* a server runs on this folder */
    int64_t now_ms;
};

/* Add a finding; those beyond DOCTOR_FINDINGS_MAX are dropped. `todo` may be NULL. */
void doctor_say(struct doctor *d, enum doctor_level level, const char *rule, const char *about, const char *todo,
                const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* doctor_folder.c: the folder, its certificates, keys and disk. */
void doctor_folder(struct doctor *d);
void doctor_certificates(struct doctor *d);
void doctor_keys(struct doctor *d);
void doctor_disk(struct doctor *d);

/* doctor_plugins.c: the database, the newest generation, its packages, and what broke down. The first fills store and
 * set, the others read them. */
void doctor_database(struct doctor *d);
void doctor_generation(struct doctor *d);
void doctor_lock(struct doctor *d);
void doctor_quarantine(struct doctor *d);
void doctor_processes(struct doctor *d);

/* doctor_start.c: would a start succeed, and whom would it leave out? Loads the plugins in a process of its own, so that
 * one which crashes there is a finding, too. */
void doctor_start(struct doctor *d);

#endif
