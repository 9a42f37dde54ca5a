#include "net/conn.h"

#include <string.h>

static int parse_address(const char *host, int port, struct sockaddr_storage *out)
{
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)out) == 0)
        return 0;
    return uv_ip6_addr(host, port, (struct sockaddr_in6 *)out);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct server *s = listener->data;
    if (status == 0 && !s->draining) {
        conn_accept(s);
        server_flush(s);
    }
}

static int bound_port(const uv_tcp_t *tcp)
{
    struct sockaddr_storage name;
    int len = sizeof(name);
    if (uv_tcp_getsockname(tcp, (struct sockaddr *)&name, &len) != 0)
        return 0;
    return ntohs(name.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&name)->sin6_port
                                            : ((struct sockaddr_in *)&name)->sin_port);
}

int listener_open(struct server *s, const char *host, int port, struct err *err)
{
    struct sockaddr_storage address;
    memset(&address, 0, sizeof(address));
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (parse_address(host, port, &address) != 0)
        return err_set(
            err, ERR_ARG,
            "listen on %s: not an IPv4 or IPv6 address; 127.0.0.1 is this machine alone, 0.0.0.0 every interface",
            host);
    /* libuv sets SO_REUSEADDR itself, and reports an address in use when listening. */
    int rv = uv_tcp_bind(&s->listener, (struct sockaddr *)&address, 0);
    if (rv == 0)
        rv = uv_listen((uv_stream_t *)&s->listener, 512, on_connection);
    if (rv != 0)
        return err_set(err, ERR_IO, "listen on %s port %d: %s", host, port, uv_strerror(rv));
    s->port = bound_port(&s->listener);
    return 0;
}
