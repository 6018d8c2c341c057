/* src/sandbox/guest_child.c: with processes that this test forks in the place of guest processes.
 */
#include "sandbox/guest_child.h"

#include "wasi/wasi_host.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Longer than any of these can take; a test that needs it fails. */
#define PATIENCE_SECONDS 30

static struct event_base *loop;
static size_t descriptors_before;

static size_t descriptor_count(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    (void)closedir(folder);
    return count;
}

static int begin(void **state)
{
    (void)state;
    loop = event_base_new();
    descriptors_before = descriptor_count();
    return loop == NULL ? -1 : 0;
}

/* Whatever a test did, nothing of its children is left. */
static int end(void **state)
{
    (void)state;
    assert_int_equal(guest_child_alive_count(), 0);
    guest_child_wait_for_dying();
    assert_int_equal(guest_child_dying_count(), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(descriptor_count(), descriptors_before);
    event_base_free(loop);
    return 0;
}

static void on_patience(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    *(bool *)argument = true;
}

/* Runs the loop until `holds(argument)`. */
static void run_until(bool (*holds)(const void *argument), const void *argument)
{
    const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    bool over = false;
    struct event *timer = evtimer_new(loop, on_patience, &over);
    assert_non_null(timer);
    assert_int_equal(event_add(timer, &patience), 0);
    while (!holds(argument) && !over)
        assert_int_equal(event_base_loop(loop, EVLOOP_ONCE), 0);
    event_free(timer);
    assert_false(over);
}

/* ---- a child and who listens to it ---- */

struct heard {
    struct guest_child *child;
    struct buffer text; /* "KIND:CONTENTS;" for each frame */
    size_t frames;
    int closed;
    size_t end_at_frame; /* the child is ended in this one; 0: in none */
    bool end_when_closed;
    int ended;
    int status;
    long peak;
};

static void on_frame(void *argument, enum guest_channel_kind kind, const uint8_t *bytes,
                     size_t size)
{
    struct heard *heard = argument;
    assert_non_null(heard->child);
    (void)buffer_append_format(&heard->text, "%d:%.*s;", (int)kind, size < 100 ? (int)size : 100,
                               (const char *)bytes);
    if (++heard->frames == heard->end_at_frame) {
        guest_child_end(heard->child);
        heard->child = NULL;
    }
}

static void on_closed(void *argument)
{
    struct heard *heard = argument;
    assert_non_null(heard->child);
    heard->closed++;
    if (heard->end_when_closed) {
        guest_child_end(heard->child);
        heard->child = NULL;
    }
}

static void on_ended(void *argument, int status, const struct rusage *usage)
{
    struct heard *heard = argument;
    heard->ended++;
    heard->status = status;
    heard->peak = usage->ru_maxrss;
}

static bool has_frame(const void *argument)
{
    return ((const struct heard *)argument)->frames > 0;
}

static bool is_closed(const void *argument)
{
    return ((const struct heard *)argument)->closed > 0;
}

static bool is_ended(const void *argument)
{
    return ((const struct heard *)argument)->ended > 0;
}

static bool has_no_child(const void *argument)
{
    return ((const struct heard *)argument)->child == NULL;
}

static bool nobody_is_dying(const void *argument)
{
    (void)argument;
    return guest_child_dying_count() == 0;
}

static void listen_to(struct guest_child *child, struct heard *heard)
{
    const struct guest_child_listener listener = {
        .frame = on_frame, .closed = on_closed, .argument = heard};
    heard->child = child;
    guest_child_listen(child, &listener);
}

/* Starts a process that runs body(channel) and exits with what that returns. */
static pid_t start(int (*body)(int channel), struct heard *heard)
{
    struct error error = ERROR_NONE;
    int ends[2];
    *heard = (struct heard){0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(ends[0]);
        _exit(body(ends[1]));
    }
    (void)close(ends[1]);
    struct guest_child *child = guest_child_new(loop, pid, ends[0], &error);
    assert_non_null(child);
    assert_int_equal(guest_child_pid(child), pid);
    listen_to(child, heard);
    return pid;
}

static void end_child(struct heard *heard)
{
    if (heard->child != NULL)
        guest_child_end(heard->child);
    heard->child = NULL;
    buffer_free(&heard->text);
}

/* Waits until the process is gone, and leaves it to be waited for. */
static void wait_for_zombie(pid_t pid)
{
    siginfo_t information;
    assert_int_equal(waitid(P_PID, (id_t)pid, &information, WEXITED | WNOWAIT), 0);
}

/* ---- what the processes do ---- */

static int say_three_things(int channel)
{
    (void)guest_channel_write(channel, GUEST_CHANNEL_STDERR, NULL, 0);
    (void)guest_channel_write(channel, GUEST_CHANNEL_STDOUT, "out", 3);
    (void)guest_channel_write(channel, GUEST_CHANNEL_REPORT, "report", 6);
    return 7;
}

static int wait_for_the_end(int channel)
{
    char byte;
    (void)guest_channel_read(channel, &byte, 1);
    return 0;
}

static int talk_without_end(int channel)
{
    while (guest_channel_write(channel, GUEST_CHANNEL_STDOUT, "again", 5) == 0)
        continue;
    return 0;
}

static int talk_nonsense(int channel)
{
    (void)guest_channel_write(channel, GUEST_CHANNEL_STDOUT, "sense", 5);
    (void)guest_channel_write(channel, (enum guest_channel_kind)99, "nonsense", 8);
    (void)guest_channel_write(channel, GUEST_CHANNEL_STDOUT, "more", 4);
    return wait_for_the_end(channel);
}

static int die_of_a_signal(int channel)
{
    (void)channel;
    (void)signal(SIGTERM, SIG_DFL);
    (void)raise(SIGTERM);
    return 0;
}

static int use_the_processor(int channel)
{
    (void)channel;
    for (volatile uint64_t i = 0;; i++)
        continue;
    return 0;
}

/* ---- frames and the end of a channel ---- */

static void frames_come_in_order_and_then_the_end(void **state)
{
    struct heard heard;
    (void)state;
    (void)start(say_three_things, &heard);
    assert_int_equal(guest_child_alive_count(), 1);
    run_until(is_closed, &heard);
    assert_string_equal(buffer_text(&heard.text), "3:;2:out;4:report;");
    assert_int_equal(heard.closed, 1);
    end_child(&heard);
    assert_int_equal(guest_child_alive_count(), 0);
    run_until(nobody_is_dying, NULL);
    assert_int_equal(heard.closed, 1);
}

static int report_at_length(int channel)
{
    static const char report[10000];
    (void)guest_channel_write(channel, GUEST_CHANNEL_REPORT, report, sizeof(report));
    return wait_for_the_end(channel);
}

static void a_report_is_as_long_as_was_to_be_expected(void **state)
{
    struct heard heard;
    (void)state;
    (void)start(report_at_length, &heard);
    run_until(is_closed, &heard);
    assert_int_equal(heard.frames, 0);
    assert_true(guest_child_spoke_nonsense(heard.child));
    end_child(&heard);
    (void)start(report_at_length, &heard);
    guest_child_expect_report(heard.child, 9999);
    run_until(is_closed, &heard);
    assert_int_equal(heard.frames, 0);
    end_child(&heard);
    (void)start(report_at_length, &heard);
    guest_child_expect_report(heard.child, 10000);
    run_until(has_frame, &heard);
    assert_false(guest_child_spoke_nonsense(heard.child));
    end_child(&heard);
    run_until(nobody_is_dying, NULL);
}

static void nonsense_is_the_end(void **state)
{
    struct heard heard;
    (void)state;
    pid_t pid = start(talk_nonsense, &heard);
    run_until(is_closed, &heard);
    assert_string_equal(buffer_text(&heard.text), "2:sense;");
    assert_int_equal(heard.closed, 1);
    assert_int_equal(kill(pid, 0), 0); /* to be ended is for the one who listens */
    (void)event_base_loop(loop, EVLOOP_NONBLOCK);
    assert_string_equal(buffer_text(&heard.text), "2:sense;");
    assert_int_equal(heard.closed, 1);
    end_child(&heard);
}

/* Many frames have come when the first is handed over. */
static void a_child_can_be_ended_in_a_frame(void **state)
{
    (void)state;
    for (size_t at = 1; at <= 3; at++) {
        struct heard heard;
        (void)start(talk_without_end, &heard);
        heard.end_at_frame = at;
        run_until(has_no_child, &heard);
        run_until(nobody_is_dying, NULL);
        assert_int_equal(heard.frames, at);
        assert_int_equal(heard.closed, 0);
        end_child(&heard);
    }
}

static void a_child_can_be_ended_when_it_closes(void **state)
{
    struct heard heard;
    (void)state;
    (void)start(say_three_things, &heard);
    heard.end_when_closed = true;
    run_until(has_no_child, &heard);
    run_until(nobody_is_dying, NULL);
    assert_int_equal(heard.closed, 1);
    end_child(&heard);
}

static void who_listens_can_change(void **state)
{
    struct heard first;
    struct heard second = {0};
    (void)state;
    (void)start(talk_without_end, &first);
    run_until(has_frame, &first);
    size_t before = first.frames;
    struct guest_child *child = first.child;
    first.child = NULL; /* a call would fail */
    listen_to(child, &second);
    run_until(has_frame, &second);
    assert_int_equal(first.frames, before);
    end_child(&first);
    end_child(&second);
}

static void a_child_of_which_nobody_hears_more_is_ended_quietly(void **state)
{
    struct heard heard;
    (void)state;
    (void)start(talk_without_end, &heard);
    struct guest_child *child = heard.child;
    heard.child = NULL;
    guest_child_end(child);
    run_until(nobody_is_dying, NULL);
    assert_int_equal(heard.frames, 0);
    assert_int_equal(heard.closed, 0);
    end_child(&heard);
}

/* ---- the end of a process ---- */

static void the_status_of_an_exit_is_told(void **state)
{
    struct heard heard;
    (void)state;
    pid_t pid = start(say_three_things, &heard);
    wait_for_zombie(pid);
    guest_child_end_and_tell(heard.child, on_ended, &heard);
    heard.child = NULL;
    assert_int_equal(heard.ended, 0); /* from the loop, and not at once */
    run_until(is_ended, &heard);
    assert_true(WIFEXITED(heard.status));
    assert_int_equal(WEXITSTATUS(heard.status), 7);
    assert_true(heard.peak > 0);
    assert_int_equal(heard.frames, 0);
    end_child(&heard);
}

static void the_status_of_a_signal_is_told(void **state)
{
    struct heard heard;
    (void)state;
    pid_t pid = start(die_of_a_signal, &heard);
    wait_for_zombie(pid);
    guest_child_end_and_tell(heard.child, on_ended, &heard);
    heard.child = NULL;
    run_until(is_ended, &heard);
    assert_true(WIFSIGNALED(heard.status));
    assert_int_equal(WTERMSIG(heard.status), SIGTERM);
    assert_int_equal(heard.ended, 1);
    end_child(&heard);
}

static void a_process_that_lives_is_killed(void **state)
{
    struct heard heard;
    (void)state;
    (void)start(use_the_processor, &heard);
    guest_child_end_and_tell(heard.child, on_ended, &heard);
    heard.child = NULL;
    run_until(is_ended, &heard);
    assert_true(WIFSIGNALED(heard.status));
    assert_int_equal(WTERMSIG(heard.status), SIGKILL);
    assert_int_equal(heard.closed, 0);
    end_child(&heard);
}

static void a_killed_process_closes_its_channel(void **state)
{
    struct heard heard;
    (void)state;
    (void)start(use_the_processor, &heard);
    (void)kill(guest_child_pid(heard.child), SIGKILL);
    run_until(is_closed, &heard);
    assert_int_equal(guest_child_alive_count(), 1); /* until it is ended */
    end_child(&heard);
}

static void somebody_else_may_have_waited_for_it(void **state)
{
    struct heard heard;
    (void)state;
    pid_t pid = start(say_three_things, &heard);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(guest_child_processor_us(heard.child), 0);
    guest_child_end_and_tell(heard.child, on_ended, &heard);
    heard.child = NULL;
    run_until(is_ended, &heard);
    end_child(&heard);
}

/* ---- being known, and waiting for all ---- */

static void a_child_is_known_until_it_is_waited_for(void **state)
{
    struct heard heard;
    (void)state;
    pid_t pid = start(wait_for_the_end, &heard);
    assert_true(guest_child_is_known(pid));
    assert_false(guest_child_is_known(getpid()));
    assert_int_equal(guest_child_alive_count(), 1);
    assert_int_equal(guest_child_dying_count(), 0);
    end_child(&heard);
    assert_true(guest_child_is_known(pid));
    assert_int_equal(guest_child_alive_count(), 0);
    assert_int_equal(guest_child_dying_count(), 1);
    run_until(nobody_is_dying, NULL);
    assert_false(guest_child_is_known(pid));
    assert_int_equal(waitpid(pid, NULL, WNOHANG), -1); /* no zombie */
}

#define MANY 20

static void waiting_for_the_dying_leaves_none(void **state)
{
    struct heard heard[MANY];
    pid_t pids[MANY];
    (void)state;
    for (size_t i = 0; i < MANY; i++)
        pids[i] = start(i % 2 == 0 ? use_the_processor : say_three_things, &heard[i]);
    for (size_t i = 0; i < MANY; i++) {
        guest_child_end_and_tell(heard[i].child, on_ended, &heard[i]);
        heard[i].child = NULL;
    }
    assert_int_equal(guest_child_dying_count(), MANY);
    guest_child_wait_for_dying();
    assert_int_equal(guest_child_dying_count(), 0);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(heard[i].ended, 1);
        assert_false(guest_child_is_known(pids[i]));
        end_child(&heard[i]);
    }
    guest_child_wait_for_dying(); /* of nobody */
    (void)event_base_loop(loop, EVLOOP_NONBLOCK);
}

/* The other that is ended when the first is gone. */
static void end_another(void *argument, int status, const struct rusage *usage)
{
    struct heard *other = argument;
    (void)status;
    (void)usage;
    guest_child_end_and_tell(other->child, on_ended, other);
    other->child = NULL;
}

static void one_that_is_ended_meanwhile_is_waited_for_too(void **state)
{
    (void)state;
    for (int from_the_loop = 0; from_the_loop < 2; from_the_loop++) {
        struct heard first;
        struct heard other;
        (void)start(wait_for_the_end, &first);
        (void)start(wait_for_the_end, &other);
        guest_child_end_and_tell(first.child, end_another, &other);
        first.child = NULL;
        if (from_the_loop)
            run_until(is_ended, &other);
        else
            guest_child_wait_for_dying();
        assert_int_equal(other.ended, 1);
        assert_int_equal(guest_child_dying_count(), 0);
        end_child(&first);
        end_child(&other);
    }
}

static void wait_for_all(void *argument, int status, const struct rusage *usage)
{
    guest_child_wait_for_dying();
    on_ended(argument, status, usage);
}

static void who_is_told_can_wait_for_the_others(void **state)
{
    (void)state;
    for (int from_the_loop = 0; from_the_loop < 2; from_the_loop++) {
        struct heard heard[5];
        for (size_t i = 0; i < 5; i++)
            (void)start(wait_for_the_end, &heard[i]);
        for (size_t i = 0; i < 5; i++) {
            guest_child_end_and_tell(heard[i].child, i % 2 == 0 ? wait_for_all : on_ended,
                                     &heard[i]);
            heard[i].child = NULL;
        }
        if (from_the_loop)
            run_until(nobody_is_dying, NULL);
        else
            guest_child_wait_for_dying();
        for (size_t i = 0; i < 5; i++) {
            assert_int_equal(heard[i].ended, 1);
            end_child(&heard[i]);
        }
    }
}

/* ---- processor time and signals ---- */

static void processor_time_grows(void **state)
{
    struct heard heard;
    (void)state;
    pid_t pid = start(use_the_processor, &heard);
    uint64_t last = 0;
    for (int steps = 0; steps < 3;) {
        uint64_t now = guest_child_processor_us(heard.child);
        assert_true(now >= last);
        steps += now > last ? 1 : 0;
        last = now;
    }
    (void)kill(guest_child_pid(heard.child), SIGKILL);
    wait_for_zombie(pid);
    assert_true(guest_child_processor_us(heard.child) >= last); /* also of one that is dead */
    end_child(&heard);
}

static int interrupted_channel;

static void say_so(int number)
{
    (void)number;
    (void)guest_channel_write(interrupted_channel, GUEST_CHANNEL_STDERR, "interrupted", 11);
    _exit(0);
}

static int wait_for_an_interrupt(int channel)
{
    interrupted_channel = channel;
    (void)signal(WASI_INTERRUPT_SIGNAL, say_so);
    (void)guest_channel_write(channel, GUEST_CHANNEL_STDERR, NULL, 0);
    return wait_for_the_end(channel);
}

static void an_interrupt_reaches_the_process(void **state)
{
    struct heard heard;
    (void)state;
    (void)start(wait_for_an_interrupt, &heard);
    run_until(has_frame, &heard);
    guest_child_interrupt(heard.child);
    run_until(is_closed, &heard);
    assert_string_equal(buffer_text(&heard.text), "3:;3:interrupted;");
    end_child(&heard);
}

/* ---- sending ---- */

#define LARGE ((size_t)8 << 20) /* more than any socket holds */

static int read_a_large_frame(int channel)
{
    struct guest_channel_head head;
    uint8_t *bytes = malloc(LARGE);
    if (bytes == NULL || guest_channel_read(channel, &head, sizeof(head)) != 0 ||
        head.kind != GUEST_CHANNEL_RUN || head.size != LARGE ||
        guest_channel_read(channel, bytes, LARGE) != 0)
        return 1;
    for (size_t i = 0; i < LARGE; i++) {
        if (bytes[i] != (uint8_t)(i % 253))
            return 1;
    }
    (void)guest_channel_write(channel, GUEST_CHANNEL_STDOUT, "right", 5);
    return wait_for_the_end(channel);
}

static int read_two_large_frames(int channel)
{
    int status = 0;
    for (int i = 0; i < 2; i++) {
        struct guest_channel_head head;
        uint8_t bytes[4096];
        status |= guest_channel_read(channel, &head, sizeof(head));
        for (size_t got = 0; got < LARGE && status == 0; got += sizeof(bytes))
            status |= guest_channel_read(channel, bytes, sizeof(bytes));
        (void)guest_channel_write(channel, GUEST_CHANNEL_STDOUT, status == 0 ? "one" : "none",
                                  status == 0 ? 3 : 4);
    }
    return wait_for_the_end(channel);
}

static void make_large_frame(struct buffer *frame)
{
    const struct guest_channel_head head = {.kind = GUEST_CHANNEL_RUN, .size = LARGE};
    assert_int_equal(buffer_append(frame, &head, sizeof(head)), 0);
    assert_int_equal(buffer_reserve(frame, LARGE), 0);
    for (size_t i = 0; i < LARGE; i++)
        frame->data[frame->size + i] = (char)(i % 253);
    frame->size += LARGE;
}

static void a_frame_larger_than_the_socket_is_sent_from_the_loop(void **state)
{
    struct buffer frame = BUFFER_EMPTY;
    struct heard heard;
    (void)state;
    (void)start(read_a_large_frame, &heard);
    make_large_frame(&frame);
    assert_int_equal(guest_child_send(heard.child, &frame), 0);
    assert_null(frame.data); /* its memory is the child's now */
    run_until(has_frame, &heard);
    assert_string_equal(buffer_text(&heard.text), "2:right;");
    end_child(&heard);
}

static bool has_two_frames(const void *argument)
{
    return ((const struct heard *)argument)->frames > 1;
}

static void one_frame_is_sent_after_another(void **state)
{
    struct buffer frame = BUFFER_EMPTY;
    struct heard heard;
    (void)state;
    (void)start(read_two_large_frames, &heard);
    make_large_frame(&frame);
    assert_int_equal(guest_child_send(heard.child, &frame), 0);
    run_until(has_frame, &heard);
    make_large_frame(&frame);
    assert_int_equal(guest_child_send(heard.child, &frame), 0);
    run_until(has_two_frames, &heard);
    assert_string_equal(buffer_text(&heard.text), "2:one;2:one;");
    end_child(&heard);
}

/* One that dies with the frame half sent, and one that was dead before. */
static void sending_to_the_dead_does_no_harm(void **state)
{
    struct buffer frame = BUFFER_EMPTY;
    struct heard heard;
    (void)state;
    (void)start(wait_for_the_end, &heard);
    make_large_frame(&frame);
    assert_int_equal(guest_child_send(heard.child, &frame), 0); /* it reads one byte and exits */
    run_until(is_closed, &heard);
    assert_int_equal(heard.closed, 1);
    make_large_frame(&frame);
    assert_int_equal(guest_child_send(heard.child, &frame), -1);
    assert_null(frame.data);
    end_child(&heard);
    pid_t pid = start(say_three_things, &heard);
    wait_for_zombie(pid);
    make_large_frame(&frame);
    (void)guest_child_send(heard.child, &frame);
    assert_null(frame.data);
    run_until(is_closed, &heard);
    assert_string_equal(buffer_text(&heard.text), "3:;2:out;4:report;");
    end_child(&heard);
}

static void a_child_is_ended_with_a_frame_half_sent(void **state)
{
    struct buffer frame = BUFFER_EMPTY;
    struct heard heard;
    (void)state;
    (void)start(use_the_processor, &heard); /* it never reads */
    make_large_frame(&frame);
    assert_int_equal(guest_child_send(heard.child, &frame), 0);
    (void)event_base_loop(loop, EVLOOP_NONBLOCK);
    end_child(&heard);
    run_until(nobody_is_dying, NULL);
}

int main(void)
{
#define CASE(NAME) cmocka_unit_test_setup_teardown(NAME, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(frames_come_in_order_and_then_the_end),
        CASE(a_report_is_as_long_as_was_to_be_expected),
        CASE(nonsense_is_the_end),
        CASE(a_child_can_be_ended_in_a_frame),
        CASE(a_child_can_be_ended_when_it_closes),
        CASE(who_listens_can_change),
        CASE(a_child_of_which_nobody_hears_more_is_ended_quietly),
        CASE(the_status_of_an_exit_is_told),
        CASE(the_status_of_a_signal_is_told),
        CASE(a_process_that_lives_is_killed),
        CASE(a_killed_process_closes_its_channel),
        CASE(somebody_else_may_have_waited_for_it),
        CASE(a_child_is_known_until_it_is_waited_for),
        CASE(waiting_for_the_dying_leaves_none),
        CASE(one_that_is_ended_meanwhile_is_waited_for_too),
        CASE(who_is_told_can_wait_for_the_others),
        CASE(processor_time_grows),
        CASE(an_interrupt_reaches_the_process),
        CASE(a_frame_larger_than_the_socket_is_sent_from_the_loop),
        CASE(one_frame_is_sent_after_another),
        CASE(sending_to_the_dead_does_no_harm),
        CASE(a_child_is_ended_with_a_frame_half_sent),
    };
    return cmocka_run_group_tests_name("guest_child", tests, NULL, NULL);
}
