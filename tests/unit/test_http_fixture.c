/* What the tests of the HTTP server share. */
#include "test_http_fixture.h"

#include "base/log.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int fixture_begin(void **state, struct http_server_options options)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct error error = ERROR_NONE;
    log_configure("test", LOG_ERROR, false);
    fixture->loop = event_loop_new(&error);
    options.host = "127.0.0.1";
    options.argument = fixture;
    fixture->server = http_server_start(fixture->loop, &options, &error);
    *state = fixture;
    return fixture->server == NULL ? -1 : 0;
}

int fixture_end(void **state)
{
    struct fixture *fixture = *state;
    http_server_free(fixture->server);
    event_base_free(fixture->loop);
    free(fixture);
    return 0;
}

void on_gone(void *argument)
{
    struct fixture *fixture = argument;
    fixture->gone++;
    fixture->held = NULL;
}

void on_drained(void *argument)
{
    struct fixture *fixture = argument;
    fixture->drained++;
}

void on_room(void *argument)
{
    struct fixture *fixture = argument;
    fixture->room++;
}

int connect_client(const struct fixture *fixture)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(http_server_port(fixture->server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    /* Of this size it stays: the kernel would make it larger and larger (tcp(7), tcp_rmem). */
    int receive_buffer = 65536;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer)),
                     0);
    assert_int_equal(connect(fd, (struct sockaddr *)(void *)&address, sizeof(address)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

void turn(const struct fixture *fixture)
{
    const struct timeval time = {.tv_usec = 10000};
    (void)event_base_loopexit(fixture->loop, &time);
    (void)event_base_loop(fixture->loop, EVLOOP_ONCE);
}

void send_all(const struct fixture *fixture, int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return;
        if (sent > 0) {
            bytes += sent;
            size -= (size_t)sent;
        }
        turn(fixture);
    }
}

void send_text(const struct fixture *fixture, int fd, const char *text)
{
    send_all(fixture, fd, text, strlen(text));
}

bool receive(const struct fixture *fixture, int fd, struct buffer *received, const char *expected)
{
    time_t deadline = time(NULL) + 10;
    size_t searched = 0;
    for (;;) {
        if (expected != NULL && strstr(buffer_text(received) + searched, expected) != NULL)
            return true;
        size_t reach = expected == NULL ? 0 : strlen(expected);
        searched = received->size < reach ? 0 : received->size - reach;
        assert_int_equal(buffer_reserve(received, 65536), 0);
        errno = 0;
        ssize_t size = recv(fd, received->data + received->size, 65536, 0);
        if (size == 0 || (size < 0 && errno != EAGAIN))
            return false;
        if (size > 0) {
            received->size += (size_t)size;
            received->data[received->size] = '\0';
        } else {
            turn(fixture);
        }
        if (time(NULL) > deadline)
            fail_msg("no \"%s\" in: %.2000s", expected, buffer_text(received));
    }
}
