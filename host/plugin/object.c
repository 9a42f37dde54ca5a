#include "plugin/object.h"

#include "plugin/arena.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* From a file to commands. The ELF header is looked at first, because dlopen says little about a file for another
 * machine, and because its answer would come after the dynamic linker has read the rest.
 *
 * A plugin may have been compiled with an older or a newer muster.h. Its descriptor says how long its structs are; we
 * take as many bytes of each as both sides know, and never fewer than version 1 had. A field that came later is 0 when
 * the plugin is older; one that we do not know yet is left alone. */

enum { TEXT_MAX = 4000, PATH_BYTES = 1200 };

/* The first version's structs; they never get shorter. */
#define PLUGIN_BYTES_MIN (offsetof(struct muster_plugin, ncommands) + sizeof(size_t))
#define COMMAND_BYTES_MIN (offsetof(struct muster_command, run) + sizeof(((struct muster_command *)NULL)->run))
#define STRUCT_BYTES_MAX 65536

/* -- the file -- */

/* The header of a shared object for this program's own machine. */
#if defined(__x86_64__)
enum { OWN_MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { OWN_MACHINE = EM_AARCH64 };
#elif defined(__riscv)
enum { OWN_MACHINE = EM_RISCV };
#elif defined(__powerpc64__)
enum { OWN_MACHINE = EM_PPC64 };
#elif defined(__s390x__)
enum { OWN_MACHINE = EM_S390 };
#elif defined(__arm__)
enum { OWN_MACHINE = EM_ARM };
#elif defined(__i386__)
enum { OWN_MACHINE = EM_386 };
#else
enum { OWN_MACHINE = EM_NONE }; /* not known: dlopen decides */
#endif

static const char *machine_name(unsigned machine)
{
    static const struct {
        unsigned machine;
        const char *name;
    } rows[] = {
        {EM_X86_64, "x86_64"}, {EM_AARCH64, "aarch64"}, {EM_RISCV, "riscv"}, {EM_PPC64, "ppc64"},
        {EM_S390, "s390"},     {EM_ARM, "arm"},         {EM_386, "i386"},    {EM_LOONGARCH, "loongarch"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].machine == machine)
            return rows[i].name;
    return "another machine";
}

static int check_header(const char *path, const ElfW(Ehdr) * h, struct err *err)
{
    const unsigned char own_class = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
    const unsigned char own_order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
    if (memcmp(h->e_ident, ELFMAG, SELFMAG) != 0)
        return err_rule(err, ERR_ARG, "native.elf", NULL, "%s: not a shared object (no ELF file)", path);
    if (h->e_ident[EI_CLASS] != own_class)
        return err_rule(err, ERR_ARG, "native.arch", NULL,
                        "%s: it is a %s-bit object, and this host is %s-bit: build it here", path,
                        h->e_ident[EI_CLASS] == ELFCLASS32 ? "32" : "64", own_class == ELFCLASS64 ? "64" : "32");
    if (h->e_ident[EI_DATA] != own_order)
        return err_rule(err, ERR_ARG, "native.arch", NULL, "%s: its byte order is not this machine's: build it here",
                        path);
    if (OWN_MACHINE != EM_NONE && h->e_machine != OWN_MACHINE)
        return err_rule(err, ERR_ARG, "native.arch", NULL,
                        "%s: it is built for %s (machine %u), and this host is %s: build it here", path,
                        machine_name(h->e_machine), (unsigned)h->e_machine, machine_name(OWN_MACHINE));
    if (h->e_type != ET_DYN)
        return err_rule(err, ERR_ARG, "native.elf", NULL,
                        "%s: an ELF file, but not a shared object: link it with -shared -fPIC", path);
    return 0;
}

/* What is mapped must be in the file: touching a page behind its end would be SIGBUS. */
static int check_segments(const char *path, FILE *f, const ElfW(Ehdr) * h, struct err *err)
{
    struct stat st;
    if (fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode))
        return err_rule(err, ERR_ARG, "native.file", NULL, "%s: not a regular file", path);
    const uint64_t size = (uint64_t)st.st_size;
    if (h->e_phentsize != sizeof(ElfW(Phdr)) || h->e_phnum == 0 || h->e_phoff > size ||
        fseeko(f, (off_t)h->e_phoff, SEEK_SET) != 0)
        return err_rule(err, ERR_ARG, "native.elf", NULL, "%s: its program headers are damaged or cut off", path);
    for (int i = 0; i < h->e_phnum; i++) {
        ElfW(Phdr) segment;
        if (fread(&segment, sizeof(segment), 1, f) != 1)
            return err_rule(err, ERR_ARG, "native.elf", NULL, "%s: its program headers are damaged or cut off", path);
        if (segment.p_type == PT_LOAD && (segment.p_offset > size || segment.p_filesz > size - segment.p_offset))
            return err_rule(err, ERR_ARG, "native.elf", NULL,
                            "%s: the file is cut off: it has %llu bytes, and its segments need %llu", path,
                            (unsigned long long)size, (unsigned long long)(segment.p_offset + segment.p_filesz));
    }
    return 0;
}

int object_check(const char *path, struct err *err)
{
    ElfW(Ehdr) header;
    FILE *f = fopen(path, "rbe");
    if (!f)
        return err_rule(err, ERR_ARG, "native.file", NULL, "%s: %s", path, strerror(errno));
    memset(&header, 0, sizeof(header));
    size_t n = fread(&header, 1, sizeof(header), f);
    int rv = 0;
    if (ferror(f))
        rv = err_rule(err, ERR_ARG, "native.file", NULL, "%s: %s", path, strerror(errno));
    else if (n < sizeof(header) && memcmp(header.e_ident, ELFMAG, SELFMAG) == 0)
        rv = err_rule(err, ERR_ARG, "native.elf", NULL, "%s: the file is cut off after %zu bytes", path, n);
    if (rv == 0)
        rv = check_header(path, &header, err);
    if (rv == 0)
        rv = check_segments(path, f, &header, err);
    fclose(f);
    return rv;
}

/* -- the descriptor -- */

static bool is_text(const char *text)
{
    return text && strnlen(text, TEXT_MAX + 1) <= TEXT_MAX;
}

static int check_sizes(const char *path, const struct muster_plugin *p, struct err *err)
{
    /* Its size is read first: the fields behind it might not be there. */
    if (p->size < offsetof(struct muster_plugin, abi) + sizeof(p->abi) || p->size > STRUCT_BYTES_MAX)
        return err_rule(err, ERR_ARG, "native.size", NULL,
                        "%s: its descriptor says it is %zu bytes long, which can't be; use MUSTER_PLUGIN of muster.h",
                        path, p->size);
    if (p->abi != MUSTER_ABI)
        return err_rule(err, ERR_ARG, "native.abi", NULL,
                        "%s: it was built for version %u of the C interface, and this host has %d: build it with this "
                        "host's muster.h",
                        path, (unsigned)p->abi, MUSTER_ABI);
    if (p->size < PLUGIN_BYTES_MIN)
        return err_rule(
            err, ERR_ARG, "native.size", NULL,
            "%s: its descriptor has %zu bytes, and the first version had %zu; use MUSTER_PLUGIN of muster.h", path,
            p->size, PLUGIN_BYTES_MIN);
    if (p->command_size < COMMAND_BYTES_MIN || p->command_size > STRUCT_BYTES_MAX ||
        p->command_size % _Alignof(struct muster_command) != 0)
        return err_rule(err, ERR_ARG, "native.size", NULL,
                        "%s: its commands have %zu bytes each, and the first version's had %zu; use MUSTER_PLUGIN of "
                        "muster.h",
                        path, p->command_size, COMMAND_BYTES_MIN);
    if (!is_text(p->name) || !is_text(p->version))
        return err_rule(err, ERR_ARG, "native.descriptor", NULL, "%s: its descriptor has no name or no version", path);
    if (p->ncommands > OBJECT_COMMANDS_MAX || (p->ncommands > 0 && !p->commands))
        return err_rule(err, ERR_ARG, "native.descriptor", NULL,
                        "%s: its descriptor lists %zu commands%s; at most %d are possible", path, p->ncommands,
                        p->commands ? "" : " at no address", OBJECT_COMMANDS_MAX);
    return 0;
}

static int check_command(const char *path, const struct muster_command *c, size_t index, struct err *err)
{
    const char *const texts[] = {c->name, c->args, c->returns, c->summary_en};
    static const char *const fields[] = {"name", "args", "returns", "summary_en"};
    for (int i = 0; i < 4; i++)
        if (!is_text(texts[i]))
            return err_rule(err, ERR_ARG, "native.descriptor", NULL, "%s: command %zu%s%s: %s is missing or too long",
                            path, index + 1, i ? ", " : "", i ? c->name : "", fields[i]);
    if ((c->summary_zh && !is_text(c->summary_zh)) || (c->doc && strnlen(c->doc, 65536) == 65536))
        return err_rule(err, ERR_ARG, "native.descriptor", NULL, "%s: command %s: summary_zh or doc is too long", path,
                        c->name);
    if (!c->run)
        return err_rule(err, ERR_ARG, "native.descriptor", NULL, "%s: command %s: run is missing", path, c->name);
    return 0;
}

static int take(struct arena *a, const char *path, const struct muster_plugin *p, struct object *out, struct err *err)
{
    int rv = check_sizes(path, p, err);
    if (rv != 0)
        return rv;
    const size_t known = p->command_size < sizeof(*out->commands) ? p->command_size : sizeof(*out->commands);
    out->name = p->name;
    out->version = p->version;
    out->count = p->ncommands;
    out->commands = arena_alloc(a, (p->ncommands + 1) * sizeof(*out->commands));
    for (size_t i = 0; i < p->ncommands && rv == 0; i++) {
        memcpy(&out->commands[i], (const char *)p->commands + i * p->command_size, known);
        rv = check_command(path, &out->commands[i], i, err);
    }
    return rv;
}

/* The same file under a name that nobody has used before: each bit of a number is a slash or a slash and a dot. */
static void spell(const char *path, unsigned number, char *out, size_t size)
{
    const char *name = strrchr(path, '/');
    size_t len = name ? (size_t)(name - path) : 0;
    len = (size_t)snprintf(out, size, "%.*s", (int)len, path);
    for (; number > 0; number >>= 1)
        len += (size_t)snprintf(out + len, size - len, "%s", number & 1 ? "/." : "/");
    snprintf(out + len, size - len, "%s", name ? name : path);
}

/* The dynamic linker goes by names first: asked for one that it has open, it gives what it has, even if another file
 * lies there by now. A folder that is developed in has a new file after every build, and an old generation may still
 * hold the one before. So a name that is taken is spelled in another way. */
static void *open_new(const char *path)
{
    static atomic_uint count;
    char other[PATH_BYTES];
    void *taken = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    if (!taken)
        return dlopen(path, RTLD_NOW | RTLD_LOCAL);
    spell(path, atomic_fetch_add(&count, 1) + 2, other, sizeof(other));
    void *handle = dlopen(other, RTLD_NOW | RTLD_LOCAL);
    dlclose(taken);
    return handle;
}

int object_open(struct arena *a, const char *path, struct object *out, struct err *err)
{
    *out = (struct object){0};
    int rv = object_check(path, err);
    if (rv != 0)
        return rv;
    out->handle = open_new(path);
    if (!out->handle)
        return err_rule(err, ERR_ARG, "native.open", NULL, "%s: it can't be loaded: %s", path, dlerror());
    const struct muster_plugin *p = dlsym(out->handle, "muster_plugin");
    if (p)
        rv = take(a, path, p, out, err);
    else
        rv = err_rule(err, ERR_ARG, "native.symbol", NULL,
                      "%s: it exports no descriptor `muster_plugin`; end the source with MUSTER_PLUGIN(…)", path);
    if (rv != 0) {
        object_close(out->handle);
        *out = (struct object){0};
    }
    return rv;
}

void object_close(void *handle)
{
    if (handle)
        dlclose(handle);
}
