#include "plugin/child_box.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Three layers, each enough against another mistake: limits of the process, what it reaches of the rest of the machine
 * (Landlock: files, ports, the signals of others), and which system calls there are (seccomp). A refused call fails with
 * EPERM: a library that only tries gets on, and an attack gets nothing.
 *
 * Loading a shared object needs the file system and executable memory, and its constructors run right then. So there
 * are two filters, one above the other: while it loads, files can be opened for reading, in the folders that Landlock
 * leaves; afterwards not even that. A kernel without Landlock would let a constructor read what the server's user may
 * read.
 *
 * A constructor is anybody's code inside this process: it can change what ours does next, so that the second filter is
 * never loaded, and a filter of its own could make that look well. So the second filter is written first, into memory
 * at an address below all other, and the first one allows no filter but the one at that address, and no call that could
 * change what lies there. Two filters on the process are then those two and no others; the server counts them (the
 * kernel tells how many there are) before it believes that a plugin is ready. */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { OPEN_FILES = 64 };

/* -- limits -- */

static int limit(int what, rlim_t value, struct err *err)
{
    struct rlimit now, wanted = {value, value};
    if (getrlimit(what, &now) == 0 && now.rlim_max < value)
        wanted.rlim_cur = wanted.rlim_max = now.rlim_max;
    return setrlimit(what, &wanted) == 0 ? 0 : err_set(err, ERR_IO, "setrlimit: %s", strerror(errno));
}

/* Bytes of address space in use now. */
static size_t mapped(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%lu", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static int enter_limits(size_t memory, struct err *err)
{
    mallopt(M_ARENA_MAX, 1); /* each one would take 64 MiB of address space */
    int rv = limit(RLIMIT_CORE, 0, err);
    if (rv == 0)
        rv = limit(RLIMIT_FSIZE, 0, err);
    if (rv == 0)
        rv = limit(RLIMIT_NOFILE, OPEN_FILES, err);
    /* A sanitizer maps terabytes that it never touches. */
    if (rv == 0 && !SANITIZED)
        rv = limit(RLIMIT_AS, mapped() + memory, err);
    return rv;
}

/* -- what is outside -- */

static int landlock_abi(void)
{
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

bool child_box_sees_files(void)
{
    return landlock_abi() < 1;
}

static const uint64_t reading = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;

static void allow(int rules, const char *path)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = reading, .parent_fd = open(path, O_PATH | O_CLOEXEC)};
    if (rule.parent_fd < 0)
        return; /* not there: nothing to see */
    if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
        rule.allowed_access = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE; /* a file, not a folder */
        syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    }
    close(rule.parent_fd);
}

/* struct landlock_ruleset_attr, which the headers that we are built with may not know to its end. */
struct ruleset {
    uint64_t files, ports, scopes;
};

/* All that a version of Landlock can forbid, and how much of the struct it takes. */
static size_t forbid(struct ruleset *r, int abi)
{
    *r = (struct ruleset){.files = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1}; /* version 1 */
    if (abi >= 2)
        r->files |= 1ULL << 13; /* refer */
    if (abi >= 3)
        r->files |= 1ULL << 14; /* truncate */
    if (abi >= 5)
        r->files |= 1ULL << 15; /* ioctl of devices */
    if (abi >= 4)
        r->ports = 1ULL << 0 | 1ULL << 1; /* TCP: bind, connect */
    /* The owner of a descriptor gets its signals from the kernel, where no filter of system calls sees them. */
    if (abi >= 6)
        r->scopes = 1ULL << 0 | 1ULL << 1; /* abstract sockets, signals to others */
    return abi >= 6 ? sizeof(*r) : abi >= 4 ? offsetof(struct ruleset, scopes) : sizeof(r->files);
}

static int enter_landlock(const char *const *folders, struct err *err)
{
    static const char *const libraries[] = {"/lib",           "/lib64",           "/usr/lib",       "/usr/lib64",
                                            "/usr/local/lib", "/etc/ld.so.cache", "/usr/share/icu", NULL};
    const int abi = landlock_abi();
    if (abi < 1)
        return 0;
    struct ruleset forbidden;
    const size_t size = forbid(&forbidden, abi);
    int rules = (int)syscall(SYS_landlock_create_ruleset, &forbidden, size, 0);
    if (rules < 0)
        return err_set(err, ERR_IO, "landlock: %s", strerror(errno));
    for (int i = 0; libraries[i]; i++)
        allow(rules, libraries[i]);
    for (int i = 0; folders[i]; i++)
        allow(rules, folders[i]);
    int rv =
        syscall(SYS_landlock_restrict_self, rules, 0) == 0 ? 0 : err_set(err, ERR_IO, "landlock: %s", strerror(errno));
    close(rules);
    return rv;
}

int child_box_enter(const char *const *folders, size_t memory, struct err *err)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_DUMPABLE, SANITIZED, 0, 0, 0) != 0)
        return err_set(err, ERR_IO, "prctl: %s", strerror(errno));
    int rv = enter_limits(memory, err);
    return rv ? rv : enter_landlock(folders, err);
}

/* -- system calls -- */

/* What a process of one plugin needs once it runs. Descriptors are its line and those of the watchdog: to read and
 * write them gives nobody anything. */
static const int plain[] = {
    SCMP_SYS(read),         SCMP_SYS(write),           SCMP_SYS(writev),       SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),      SCMP_SYS(sendto),          SCMP_SYS(sendmsg),      SCMP_SYS(close),
    SCMP_SYS(fstat),        SCMP_SYS(lseek),           SCMP_SYS(poll),         SCMP_SYS(ppoll),
    SCMP_SYS(brk),          SCMP_SYS(futex),           SCMP_SYS(sched_yield),  SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),         SCMP_SYS(getpid),          SCMP_SYS(gettid),       SCMP_SYS(getrandom),
    SCMP_SYS(getrusage),    SCMP_SYS(rt_sigreturn),    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(sigaltstack),  SCMP_SYS(restart_syscall), SCMP_SYS(sysinfo),      SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/* While it loads: how the dynamic linker works. No fcntl: it makes the line send signals to whoever it names, and that
 * outlasts every filter. */
static const int loading[] = {
    SCMP_SYS(pread64),    SCMP_SYS(newfstatat), SCMP_SYS(stat),       SCMP_SYS(lstat),      SCMP_SYS(statx),
    SCMP_SYS(access),     SCMP_SYS(faccessat),  SCMP_SYS(faccessat2), SCMP_SYS(getdents64), SCMP_SYS(readlink),
    SCMP_SYS(readlinkat), SCMP_SYS(getcwd),     SCMP_SYS(statfs),     SCMP_SYS(fstatfs),    SCMP_SYS(uname),
};

/* What the watchdog's thread, just started, may not have come to yet; the last is how a sanitizer learns of its stack. */
static const int beginning[] = {SCMP_SYS(rseq), SCMP_SYS(set_robust_list), SCMP_SYS(sched_getaffinity)};

static int allow_all(scmp_filter_ctx f, const int *calls, size_t count)
{
    int rv = 0;
    for (size_t i = 0; i < count && rv == 0; i++)
        if (calls[i] >= 0) /* negative: this machine does not have it */
            rv = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0);
    return rv;
}

/* A signal to itself: how the watchdog stops a script, and how abort ends. */
static int allow_own_signals(scmp_filter_ctx f)
{
    const struct scmp_arg_cmp own = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid());
    int rv = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, own);
    return rv ? rv : seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1, own);
}

/* Memory from the address `from` on, never moved to a place of one's choice; with `code`, to execute, too. */
static int allow_memory(scmp_filter_ctx f, bool code, uintptr_t from)
{
    const struct scmp_arg_cmp above = SCMP_A0(SCMP_CMP_GE, from), anywhere = SCMP_A0(SCMP_CMP_EQ, 0);
    const struct scmp_arg_cmp no_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    const struct scmp_arg_cmp not_fixed = SCMP_A3(SCMP_CMP_MASKED_EQ, MREMAP_FIXED, 0);
    const struct {
        int call;
        unsigned count;
        struct scmp_arg_cmp args[2];
    } rules[] = {
        {SCMP_SYS(munmap), 1, {above}},
        {SCMP_SYS(madvise), 1, {above}},
        {SCMP_SYS(mremap), 2, {above, not_fixed}},
        {SCMP_SYS(mprotect), code ? 1 : 2, {above, no_code}},
        {SCMP_SYS(mmap), code ? 1 : 2, {above, no_code}},
        {SCMP_SYS(mmap), code ? 1 : 2, {anywhere, no_code}},
    };
    int rv = 0;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && rv == 0; i++)
        rv = seccomp_rule_add_array(f, SCMP_ACT_ALLOW, rules[i].call, rules[i].count, rules[i].args);
    return rv;
}

/* Opening, but only to read: not as a mere place either (O_PATH), for which Landlock does not ask. */
static int allow_opening(scmp_filter_ctx f)
{
    const scmp_datum_t writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_PATH;
    int rv = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, writing, 0));
    return rv || SCMP_SYS(open) < 0
               ? rv
               : seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(open), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, writing, 0));
}

/* What both filters allow; see allow_memory. */
static int begin_filter(scmp_filter_ctx *out, bool code, uintptr_t from)
{
    scmp_filter_ctx f = *out = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int rv = f ? 0 : -ENOMEM;
    if (rv == 0)
        rv = seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 0); /* it has been given up already */
    if (rv == 0)
        rv = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1); /* the watchdog's thread, too */
    if (rv == 0)
        rv = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS); /* not that thread alone */
    if (rv == 0)
        rv = allow_all(f, plain, sizeof(plain) / sizeof(plain[0]));
    if (rv == 0)
        rv = allow_all(f, beginning, sizeof(beginning) / sizeof(beginning[0]));
    if (rv == 0)
        rv = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
    if (rv == 0)
        rv = allow_own_signals(f);
    return rv ? rv : allow_memory(f, code, from);
}

static int failed(int rv, struct err *err)
{
    return rv == 0 ? 0 : err_set(err, ERR_IO, "seccomp: %s", strerror(-rv));
}

/* -- the filter for running, written before the one for loading is in force -- */

struct written {
    struct sock_fprog program;
    struct sock_filter code[BPF_MAXINSNS];
};
enum { WRITTEN_BYTES = (sizeof(struct written) + 0xFFFF) / 0x10000 * 0x10000, LOWEST = 0x10000, TRIES = 256 };

static struct written *written; /* not to be changed from child_box_load on */

/* The lowest memory there may be: what begins above it can't reach into it. */
static int take_lowest(void)
{
    for (uintptr_t at = LOWEST; at < (uintptr_t)LOWEST * TRIES; at += LOWEST) {
        void *p = mmap((void *)at, WRITTEN_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (p != MAP_FAILED) {
            written = p;
            return 0;
        }
    }
    return -errno;
}

/* Through a pipe, which is what libseccomp writes to. */
static int export(scmp_filter_ctx f)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return -errno;
    int rv = seccomp_export_bpf(f, ends[1]);
    ssize_t n = rv == 0 ? read(ends[0], written->code, sizeof(written->code)) : 0;
    close(ends[0]);
    close(ends[1]);
    if (rv == 0 && (n <= 0 || (size_t)n % sizeof(written->code[0]) != 0))
        rv = -EIO;
    if (rv == 0)
        written->program = (struct sock_fprog){(unsigned short)((size_t)n / sizeof(written->code[0])), written->code};
    return rv;
}

static int write_run_filter(void)
{
    scmp_filter_ctx f = NULL;
    int rv = take_lowest();
    if (rv == 0)
        rv = begin_filter(&f, false, LOWEST);
    if (rv == 0)
        rv = export(f);
    if (f)
        seccomp_release(f);
    if (rv == 0 && mprotect(written, WRITTEN_BYTES, PROT_READ) != 0)
        rv = -errno;
    return rv;
}

int child_box_load(struct err *err)
{
    scmp_filter_ctx f = NULL;
    int rv = write_run_filter();
    if (rv == 0)
        rv = begin_filter(&f, true, (uintptr_t)written + WRITTEN_BYTES);
    if (rv == 0)
        rv = allow_all(f, loading, sizeof(loading) / sizeof(loading[0]));
    if (rv == 0)
        rv = allow_opening(f);
    if (rv == 0)
        rv = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(seccomp), 3, SCMP_A0(SCMP_CMP_EQ, SECCOMP_SET_MODE_FILTER),
                              SCMP_A1(SCMP_CMP_EQ, SECCOMP_FILTER_FLAG_TSYNC),
                              SCMP_A2(SCMP_CMP_EQ, (uintptr_t)&written->program));
    if (rv == 0)
        rv = seccomp_load(f);
    if (f)
        seccomp_release(f);
    return failed(rv, err);
}

int child_box_run(struct err *err)
{
    const long rv = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &written->program);
    return failed(rv < 0 ? -errno : rv > 0 ? -ESRCH : 0, err); /* above 0: a thread that it does not hold for */
}

/* -- seen from outside -- */

int child_box_open(int pid)
{
    char path[40];
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

int child_box_filters(int status_fd)
{
    static const char key[] = "\nSeccomp_filters:";
    char text[8192];
    const ssize_t n = pread(status_fd, text, sizeof(text) - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    const char *found = strstr(text, key);
    return found ? atoi(found + sizeof(key) - 1) : -1;
}
