/* src/base/background.c and src/base/random_id.c, whose names forks must not share. */
#include "base/background.h"
#include "base/random_id.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct told {
    struct event_base *loop;
    int count;
    struct error error;
};

static void on_done(void *argument, const struct error *error)
{
    struct told *told = argument;
    told->count++;
    told->error = *error;
    (void)event_base_loopbreak(told->loop);
}

struct job {
    int kind;
    int pipe;
    struct told told;
};

enum { WELL, FAILS, IS_KILLED, LOOKS_FOR_DESCRIPTORS, WAITS };

static int do_job(void *argument, struct error *error)
{
    const struct job *job = argument;
    if (job->kind == FAILS)
        return error_set(error, ERROR_MEMORY_LIMIT, "for a reason"), 3;
    if (job->kind == IS_KILLED)
        (void)raise(SIGKILL);
    if (job->kind == LOOKS_FOR_DESCRIPTORS)
        return fcntl(job->pipe, F_GETFD) >= 0 && fcntl(job->pipe + 1, F_GETFD) < 0 ? 0 : 1;
    if (job->kind == WAITS) {
        (void)!write(job->pipe, "x", 1);
        for (;;)
            (void)pause();
    }
    return write(job->pipe, "done", 4) == 4 ? 0 : 1;
}

static void on_job_done(void *argument, const struct error *error)
{
    struct job *job = argument;
    on_done(&job->told, error);
}

static struct background *start(struct job *job, const int *descriptors, size_t count)
{
    struct error error = ERROR_NONE;
    const struct background_work work = {.work = do_job,
                                         .done = on_job_done,
                                         .argument = job,
                                         .descriptors = descriptors,
                                         .descriptor_count = count};
    struct background *background = background_start(job->told.loop, &work, &error);
    if (background == NULL)
        fail_msg("%s", error.message);
    return background;
}

static void nothing_is_left(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void work_is_done(void **state)
{
    int ends[2];
    char bytes[8] = "";
    (void)state;
    assert_int_equal(pipe(ends), 0);
    struct job job = {.kind = WELL, .pipe = ends[1], .told.loop = event_base_new()};
    (void)start(&job, &ends[1], 1);
    assert_int_equal(job.told.count, 0);
    (void)event_base_dispatch(job.told.loop);
    assert_int_equal(job.told.count, 1);
    assert_int_equal(job.told.error.kind, ERROR_OK);
    assert_int_equal(read(ends[0], bytes, sizeof(bytes)), 4);
    assert_string_equal(bytes, "done");
    (void)close(ends[0]);
    (void)close(ends[1]);
    event_base_free(job.told.loop);
    nothing_is_left();
}

static void a_failure_is_told_with_its_reason(void **state)
{
    struct job job = {.kind = FAILS, .told.loop = event_base_new()};
    (void)state;
    (void)start(&job, NULL, 0);
    (void)event_base_dispatch(job.told.loop);
    assert_int_equal(job.told.count, 1);
    assert_true(job.told.error.kind != ERROR_OK);
    assert_non_null(strstr(job.told.error.message, "for a reason"));
    event_base_free(job.told.loop);
    nothing_is_left();
}

static void a_process_that_is_killed_is_a_failure(void **state)
{
    struct job job = {.kind = IS_KILLED, .told.loop = event_base_new()};
    (void)state;
    (void)start(&job, NULL, 0);
    (void)event_base_dispatch(job.told.loop);
    assert_int_equal(job.told.count, 1);
    assert_int_equal(job.told.error.kind, ERROR_INTERNAL);
    event_base_free(job.told.loop);
    nothing_is_left();
}

/* A service that was started with SIGCHLD ignored is never told how a process ended. */
static void a_process_that_is_killed_unseen_is_a_failure(void **state)
{
    void (*const former)(int) = signal(SIGCHLD, SIG_IGN);
    struct job killed = {.kind = IS_KILLED, .told.loop = event_base_new()};
    struct job fails = {.kind = FAILS, .told.loop = killed.told.loop};
    struct job well = {.kind = LOOKS_FOR_DESCRIPTORS, .told.loop = killed.told.loop};
    (void)state;
    background_wait(start(&killed, NULL, 0));
    assert_int_equal(killed.told.count, 1);
    assert_int_equal(killed.told.error.kind, ERROR_INTERNAL);
    background_wait(start(&fails, NULL, 0));
    assert_non_null(strstr(fails.told.error.message, "for a reason"));
    int null = open("/dev/null", O_RDONLY);
    well.pipe = fcntl(null, F_DUPFD, 100);
    background_wait(start(&well, &well.pipe, 1));
    assert_int_equal(well.told.error.kind, ERROR_OK);
    (void)close(null);
    (void)close(well.pipe);
    event_base_free(killed.told.loop);
    (void)signal(SIGCHLD, former);
}

/* In a process of its own, which is killed while work is under way: the pipe ends with the last
 * process that has it. */
static void it_ends_with_its_owner(void **state)
{
    int ends[2];
    char byte;
    (void)state;
    assert_int_equal(pipe(ends), 0);
    pid_t owner = fork();
    if (owner == 0) {
        struct job job = {.kind = WAITS, .pipe = ends[1], .told.loop = event_base_new()};
        (void)close(ends[0]);
        (void)start(&job, &ends[1], 1);
        for (;;)
            (void)pause();
    }
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1); /* it has begun */
    assert_int_equal(kill(owner, SIGKILL), 0);
    assert_int_equal(waitpid(owner, NULL, 0), owner);
    assert_int_equal(read(ends[0], &byte, 1), 0);
    (void)close(ends[0]);
    nothing_is_left();
}

static void it_can_be_waited_for(void **state)
{
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    struct job job = {.kind = WELL, .pipe = ends[1], .told.loop = event_base_new()};
    background_wait(start(&job, &ends[1], 1));
    assert_int_equal(job.told.count, 1);
    assert_int_equal(job.told.error.kind, ERROR_OK);
    (void)close(ends[0]);
    (void)close(ends[1]);
    event_base_free(job.told.loop);
    nothing_is_left();
}

static void it_has_the_descriptors_that_were_named(void **state)
{
    (void)state;
    struct job job = {.kind = LOOKS_FOR_DESCRIPTORS, .told.loop = event_base_new()};
    /* Two numbers that lie next to each other and are nobody's. */
    int null = open("/dev/null", O_RDONLY);
    job.pipe = fcntl(null, F_DUPFD, 100);
    int other = fcntl(null, F_DUPFD, job.pipe + 1);
    assert_int_equal(other, job.pipe + 1);
    background_wait(start(&job, &job.pipe, 1));
    assert_int_equal(job.told.error.kind, ERROR_OK);
    (void)close(null);
    (void)close(other);
    (void)close(job.pipe);
    event_base_free(job.told.loop);
    nothing_is_left();
}

/* ---- names ---- */

static void names_have_their_size(void **state)
{
    char id[65];
    (void)state;
    for (size_t digits = 2; digits <= 64; digits += 2) {
        assert_int_equal(random_id_make(id, digits), 0);
        assert_int_equal(strlen(id), digits);
        assert_int_equal(strspn(id, "0123456789abcdef"), digits);
    }
}

static void a_fork_makes_other_names(void **state)
{
    enum { FORKS = 8, DIGITS = 32 };
    char ids[FORKS + 1][DIGITS + 1];
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(random_id_make(ids[0], DIGITS), 0); /* so that there is something in stock */
    for (int i = 1; i <= FORKS; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            char id[DIGITS + 1];
            _exit(random_id_make(id, DIGITS) == 0 && write(ends[1], id, sizeof(id)) > 0 ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_int_equal(read(ends[0], ids[i], DIGITS + 1), DIGITS + 1);
    }
    assert_int_equal(random_id_make(ids[0], DIGITS), 0);
    for (int i = 0; i <= FORKS; i++) {
        for (int j = 0; j < i; j++)
            assert_string_not_equal(ids[i], ids[j]);
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_is_done),
        cmocka_unit_test(a_failure_is_told_with_its_reason),
        cmocka_unit_test(a_process_that_is_killed_is_a_failure),
        cmocka_unit_test(a_process_that_is_killed_unseen_is_a_failure),
        cmocka_unit_test(it_ends_with_its_owner),
        cmocka_unit_test(it_can_be_waited_for),
        cmocka_unit_test(it_has_the_descriptors_that_were_named),
        cmocka_unit_test(names_have_their_size),
        cmocka_unit_test(a_fork_makes_other_names),
    };
    return cmocka_run_group_tests_name("background", tests, NULL, NULL);
}
