#include "cli/doctor.h"

#include "ops/install_start.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A start loads every plugin; so does this, in a child, for a plugin's own code may end the process that loads it. The
 * child writes lines: "off NAME REASON" for each plugin a start would leave out, and "no REASON" when there would be none. */

enum { SECONDS = 60, LINE_BYTES = 1024 };

static void load_and_tell(struct doctor *d, int out)
{
    struct registry *r = NULL;
    struct err why = {0};
    FILE *f = fdopen(out, "w");
    alarm(SECONDS);
    if (!f)
        _exit(1);
    if (install_start(&d->house.site, d->house.db, false, &r, &why) != 0) {
        fprintf(f, "no %.900s\n", why.text);
    } else {
        const struct set *set = registry_set(r);
        for (int i = 0; set && i < set->count; i++)
            if (set->plugins[i].off)
                fprintf(f, "off %s %.800s\n", set->plugins[i].name, set->plugins[i].off);
    }
    fclose(f);
    _exit(0); /* what else is to be closed belongs to the parent */
}

static void take_line(struct doctor *d, char *line)
{
    char about[80];
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "no ", 3) == 0) {
        doctor_say(d, DOCTOR_WRONG, "doctor.start", "start",
                   "mend what it names; `muster serve --safe-mode` starts without any plugin", "it would fail: %s",
                   line + 3);
        return;
    }
    char *name = line + strlen("off "), *why = strchr(name, ' ');
    if (strncmp(line, "off ", 4) != 0 || !why)
        return;
    *why++ = '\0';
    const struct set_plugin *known = set_find(&d->set, name);
    if ((known && known->off) || strncmp(why, OFF_CHANGED, strlen(OFF_CHANGED)) == 0 ||
        strncmp(why, OFF_QUARANTINE, strlen(OFF_QUARANTINE)) == 0)
        return; /* that was told */
    snprintf(about, sizeof(about), "plugin %.60s", name);
    doctor_say(d, DOCTOR_WRONG, "doctor.start", about, NULL, "the next start leaves it out: %s", why);
}

static void tell_end(struct doctor *d, int status)
{
    const char *todo = "`muster serve --safe-mode` starts without any plugin; then disable them one by one";
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        doctor_say(d, DOCTOR_WRONG, "doctor.start", "start", todo, "loading the plugins takes more than %d s", SECONDS);
    else if (WIFSIGNALED(status))
        doctor_say(d, DOCTOR_WRONG, "doctor.start", "start", todo,
                   "loading the plugins ends the process: signal %d (%s)", WTERMSIG(status),
                   strsignal(WTERMSIG(status)));
}

void doctor_start(struct doctor *d)
{
    int ends[2], status = 0, before = d->count;
    char line[LINE_BYTES];
    if (pipe(ends) != 0)
        return;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        load_and_tell(d, ends[1]);
    }
    close(ends[1]);
    FILE *f = fdopen(ends[0], "r");
    while (pid > 0 && f && fgets(line, sizeof(line), f))
        take_line(d, line);
    if (f)
        fclose(f);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    tell_end(d, status);
    if (d->count == before)
        doctor_say(d, DOCTOR_OK, "doctor.start", "start", NULL, "would succeed");
}
