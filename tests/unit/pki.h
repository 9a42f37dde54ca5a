/* For tests: a temporary folder with a CA, a server and client certificates, as files and as TLS endpoints. */
#ifndef MUSTER_TESTS_PKI_H
#define MUSTER_TESTS_PKI_H

#include "tls/cert.h"
#include "tls/endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct pki {
    char dir[64];
    struct buf ca_cert, ca_key;
};

static inline char *pki_path(const struct pki *p, const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", p->dir, name);
    return out;
}

static inline void pki_write(const struct pki *p, const char *name, struct buf *content)
{
    char path[128];
    FILE *f = fopen(pki_path(p, name, path), "w");
    if (f == NULL || fwrite(content->data, 1, content->len, f) != content->len || fclose(f) != 0)
        abort();
}

static inline void pki_must(int rv, struct err *err)
{
    if (rv == 0)
        return;
    fprintf(stderr, "pki: %s\n", err->text);
    abort();
}

/* Makes NAME.pem and NAME.key. */
static inline void pki_issue(const struct pki *p, const char *name, const char *const *hosts, int valid_days)
{
    struct buf cert = {0}, key = {0};
    struct err err = {0};
    struct cert_request request = {.name = name, .hosts = hosts, .valid_days = valid_days};
    char file[64];
    pki_must(cert_issue(buf_view(&p->ca_cert), buf_view(&p->ca_key), &request, &cert, &key, &err), &err);
    snprintf(file, sizeof file, "%s.pem", name);
    pki_write(p, file, &cert);
    snprintf(file, sizeof file, "%s.key", name);
    pki_write(p, file, &key);
    buf_close(&cert);
    buf_close(&key);
}

static inline void pki_open(struct pki *p)
{
    static const char *const hosts[] = {"localhost", "muster.test", "127.0.0.1", "::1", NULL};
    struct err err = {0};
    *p = (struct pki){.dir = "/tmp/muster-pki-XXXXXX"};
    if (mkdtemp(p->dir) == NULL)
        abort();
    pki_must(cert_make_ca("Test CA", 30, &p->ca_cert, &p->ca_key, &err), &err);
    pki_write(p, "ca.pem", &p->ca_cert);
    pki_issue(p, "server", hosts, 30);
    pki_issue(p, "alice", NULL, 30);
}

static inline void pki_close(struct pki *p)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", p->dir);
    if (system(command) != 0)
        abort();
    buf_close(&p->ca_cert);
    buf_close(&p->ca_key);
}

static inline struct tls_endpoint *pki_server(const struct pki *p, struct tls_endpoint *previous)
{
    char ca[128], cert[128], key[128];
    struct tls_files files = {pki_path(p, "ca.pem", ca), pki_path(p, "server.pem", cert),
                              pki_path(p, "server.key", key)};
    struct tls_endpoint *e = NULL;
    struct err err = {0};
    pki_must(tls_server_new(&files, previous, &e, &err), &err);
    return e;
}

/* A client that trusts `trust` and shows the certificate `name` of `own` (NULL: none). */
static inline struct tls_endpoint *pki_client(const struct pki *trust, const struct pki *own, const char *name)
{
    char ca[128], cert[128], key[128], file[64];
    struct tls_files files = {.ca = pki_path(trust, "ca.pem", ca)};
    struct tls_endpoint *e = NULL;
    struct err err = {0};
    if (name != NULL) {
        snprintf(file, sizeof file, "%s.pem", name);
        files.cert = pki_path(own, file, cert);
        snprintf(file, sizeof file, "%s.key", name);
        files.key = pki_path(own, file, key);
    }
    pki_must(tls_client_new(&files, &e, &err), &err);
    return e;
}

#endif
