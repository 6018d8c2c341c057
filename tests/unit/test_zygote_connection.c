/* src/sandbox/zygote_connection.c: with this program itself in the place of the zygote, which then
 * lies about one thing. A service that believed it would send signals to, and wait for, a process
 * that is not its own. */
#include "sandbox/zygote_connection.h"

#include "sandbox/guest_child.h"

#include <errno.h>
#include <event2/event.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_SECONDS 30

/* ---- the zygote ---- */

/* A guest process: it ends with its channel. */
static pid_t make_child(int channel, unsigned long flags)
{
    pid_t pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid != 0)
        return pid;
    char byte;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (read(channel, &byte, 1) > 0)
        continue;
    _exit(0);
}

static void answer(const char *lie, struct zygote_reply *reply, int channel)
{
    static pid_t first;
    reply->kind = ZYGOTE_REPLY_FORKED;
    if (strcmp(lie, "itself") == 0)
        reply->pid = getpid();
    else if (strcmp(lie, "the service") == 0)
        reply->pid = getppid();
    else if (strcmp(lie, "everybody") == 0)
        reply->pid = -1;
    else if (strcmp(lie, "its group") == 0)
        reply->pid = 0;
    else if (strcmp(lie, "the first process") == 0)
        reply->pid = 1;
    else if (strcmp(lie, "a child of its own") == 0)
        reply->pid = make_child(channel, 0);
    else if (strcmp(lie, "the same twice") == 0)
        reply->pid = first = first == 0 ? make_child(channel, CLONE_PARENT) : first;
    else if (strcmp(lie, "nothing") != 0)
        reply->pid = make_child(channel, CLONE_PARENT);
    if (strcmp(lie, "a number that nobody asked for") == 0)
        reply->number += 1000;
    if (strcmp(lie, "a kind that is none") == 0)
        reply->kind = 99;
    if (strcmp(lie, "that it is ready again") == 0)
        reply->kind = ZYGOTE_REPLY_READY;
    if (strcmp(lie, "that it failed after all") == 0) {
        reply->kind = ZYGOTE_REPLY_FAILED;
        reply->error.kind = ERROR_INTERNAL;
    }
    if (strcmp(lie, "a refusal without a reason") == 0)
        reply->kind = ZYGOTE_REPLY_REFUSED;
    if (strcmp(lie, "an error that is none") == 0) {
        reply->kind = ZYGOTE_REPLY_REFUSED;
        reply->error.kind = (enum error_kind)1000;
    }
    if (strcmp(lie, "a message without an end") == 0) {
        reply->kind = ZYGOTE_REPLY_REFUSED;
        reply->error.kind = ERROR_INTERNAL;
        memset(reply->error.message, 'x', sizeof(reply->error.message));
    }
    if (strcmp(lie, "nothing") == 0) { /* as a zygote may */
        reply->kind = ZYGOTE_REPLY_REFUSED;
        reply->error.kind = ERROR_INTERNAL;
        (void)strcpy(reply->error.message, "there is none");
    }
}

static int be_zygote(const char *lie)
{
    struct zygote_reply reply = {.kind = ZYGOTE_REPLY_READY};
    struct zygote_request request;
    int descriptors[ZYGOTE_DESCRIPTORS_MAX];
    size_t count;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (strcmp(lie, "walls that there are not") == 0)
        reply.walls = ~(wall_set)0;
    (void)zygote_message_send(ZYGOTE_SOCKET_FD, &reply, sizeof(reply), NULL, 0);
    while (zygote_message_receive(ZYGOTE_SOCKET_FD, &request, sizeof(request), descriptors,
                                  &count) > 0) {
        reply = (struct zygote_reply){.number = request.number};
        answer(lie, &reply, descriptors[0]);
        (void)close(descriptors[0]);
        (void)zygote_message_send(ZYGOTE_SOCKET_FD, &reply, sizeof(reply), NULL, 0);
    }
    return 0;
}

/* ---- the service ---- */

struct service {
    struct event_base *loop;
    size_t forks_wanted;
    bool kills; /* the zygote, before it asks anything of it */
    size_t children;
    size_t refused;
    bool gone;
    struct error error; /* with which it went, or refused */
};

static void on_ready(void *argument, struct zygote_connection *connection,
                     const struct zygote_reply *reply, int image)
{
    struct service *service = argument;
    (void)reply;
    assert_int_equal(image, -1);
    if (service->kills) {
        pid_t pid = zygote_connection_pid(connection);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
    }
    for (size_t i = 0; i < service->forks_wanted; i++)
        assert_int_equal(
            zygote_connection_fork(connection, NULL, 0, NULL, false, service, &service->error), 0);
}

static void on_frame(void *argument, enum guest_channel_kind kind, const uint8_t *bytes,
                     size_t size)
{
    (void)argument;
    (void)kind;
    (void)bytes;
    (void)size;
}

static void on_closed(void *argument)
{
    (void)argument;
}

static void on_forked(void *argument, void *fork_argument, struct guest_child *child,
                      const struct error *error)
{
    const struct guest_child_listener listener = {.frame = on_frame, .closed = on_closed};
    struct service *service = argument;
    assert_ptr_equal(fork_argument, service);
    if (child == NULL) {
        service->refused++;
        service->error = *error;
    } else {
        service->children++;
        /* It is a child of this process: signals that go to its number reach it. */
        assert_int_equal(waitid(P_PID, (id_t)guest_child_pid(child), &(siginfo_t){0},
                                WEXITED | WNOHANG | WNOWAIT),
                         0);
        guest_child_listen(child, &listener);
        guest_child_end(child);
    }
    if (service->children + service->refused == service->forks_wanted)
        (void)event_base_loopbreak(service->loop);
}

static void on_gone(void *argument, struct zygote_connection *connection, const struct error *error)
{
    struct service *service = argument;
    (void)connection;
    assert_false(service->gone);
    service->gone = true;
    service->error = *error;
    (void)event_base_loopbreak(service->loop);
}

static void on_patience(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    *(bool *)argument = true;
}

static struct service serve_or_kill(const char *lie, size_t forks, bool kills)
{
    const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    struct service service = {.loop = event_base_new(), .forks_wanted = forks, .kills = kills};
    const struct zygote_options options = {
        .interpreter = lie, .timeout_ms = 1000, .memory_bytes = 1, .state_bytes = 1};
    const struct zygote_connection_listener listener = {
        .ready = on_ready, .forked = on_forked, .gone = on_gone, .argument = &service};
    bool over = false;
    assert_non_null(service.loop);
    struct zygote_connection *connection =
        zygote_connection_start(service.loop, &options, &listener, &service.error);
    assert_non_null(connection);
    struct event *timer = evtimer_new(service.loop, on_patience, &over);
    assert_non_null(timer);
    assert_int_equal(event_add(timer, &patience), 0);
    while (!service.gone && service.children + service.refused < forks && !over)
        assert_int_equal(event_base_loop(service.loop, EVLOOP_ONCE), 0);
    assert_false(over);
    event_free(timer);
    zygote_connection_end(connection);
    guest_child_wait_for_dying();
    /* Whatever it forked, nothing is left of it. */
    assert_int_equal(waitpid(-1, NULL, 0), -1);
    assert_int_equal(errno, ECHILD);
    event_base_free(service.loop);
    return service;
}

static struct service serve(const char *lie, size_t forks)
{
    return serve_or_kill(lie, forks, false);
}

/* ---- tests ---- */

static void children_are_handed_out(void **state)
{
    (void)state;
    const struct service service = serve("the truth", 5);
    assert_int_equal(service.children, 5);
    assert_false(service.gone);
}

static void a_refusal_has_its_reason(void **state)
{
    (void)state;
    const struct service service = serve("nothing", 1);
    assert_int_equal(service.refused, 1);
    assert_false(service.gone);
    assert_string_equal(service.error.message, "there is none");
}

static void whoever_lies_is_not_heard_again(void **state)
{
    (void)state;
    static const char *const lies[] = {
        "itself",
        "the service",
        "everybody",
        "its group",
        "the first process",
        "a child of its own",
        "a number that nobody asked for",
        "a kind that is none",
        "that it is ready again",
        "that it failed after all",
        "a refusal without a reason",
        "an error that is none",
        "a message without an end",
        "walls that there are not",
    };
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        const struct service service = serve(lies[i], 1);
        if (!service.gone || service.children + service.refused > 0)
            fail_msg("believed: %s", lies[i]);
        assert_int_equal(service.error.kind, ERROR_INTERNAL);
    }
}

static void one_process_is_not_two(void **state)
{
    (void)state;
    const struct service service = serve("the same twice", 2);
    assert_int_equal(service.children, 1);
    assert_true(service.gone);
}

/* It dies at any time, and whoever asks then is not refused for it. */
static void of_a_zygote_that_is_gone_may_be_asked(void **state)
{
    (void)state;
    const struct service service = serve_or_kill("the truth", 3, true);
    assert_true(service.gone);
    assert_int_equal(service.children + service.refused, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_are_handed_out),
        cmocka_unit_test(a_refusal_has_its_reason),
        cmocka_unit_test(whoever_lies_is_not_heard_again),
        cmocka_unit_test(one_process_is_not_two),
        cmocka_unit_test(of_a_zygote_that_is_gone_may_be_asked),
    };
    if (argc > 3 && strcmp(argv[1], "zygote") == 0)
        return be_zygote(argv[3]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
