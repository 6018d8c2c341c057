/* A process behind some of the kernel's walls and no others, made as the sandbox makes its guest
 * processes, in which a test does what the walls are to prevent.
 *
 * A body runs in that process and returns 0 when it could do what it tried, or the errno value with
 * which it was refused. Each is run once without the wall, as a control, where it must be able to,
 * and then behind it.
 */
#ifndef SHANNON_TEST_WALL_PROBE_H
#define SHANNON_TEST_WALL_PROBE_H

#include "sandbox/lockdown.h"
#include "sandbox/walls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

/* The user without rights as whom a test by root acts where root would not be bound. */
#define NOBODY 65534

/* The two ways in which the sandbox makes guest processes. */
enum probe_way {
    PROBE_DIRECT,      /* made for one run, confined by itself: execution_start_direct */
    PROBE_FROM_ZYGOTE, /* forked from a process that was confined before */
    PROBE_WAYS
};

struct probe {
    wall_set walls;
    enum probe_way way;
    const char *const *readable; /* folders that Landlock lets be read */
    size_t readable_count;
    uint32_t processor_seconds; /* 0: 60 */
    uint64_t memory_bytes;      /* 0: 64 MiB */
    uint64_t file_bytes;
    const int *kept; /* descriptors beside 2 */
    size_t kept_count;
};

typedef int probe_body(void *argument);

/* Memory that this process and all that it makes share: works behind every wall. Zero when a test
 * begins. */
struct probe_shared {
    wall_set active;     /* what lockdown_active said in the process */
    char message[1024];  /* why the process was not made */
    pid_t pid;           /* of the process, as the test sees it */
    int64_t numbers[16]; /* for bodies */
    char text[4096];
};
extern struct probe_shared *probe_shared;

/* Starts the process; its number, which is the caller's to wait for. Fails the test when it cannot
 * be made. */
pid_t probe_start(const struct probe *probe, probe_body *body, void *argument);

/* Starts it and waits for its end: the status as of waitpid(2). Fails the test when the walls that
 * hold in it are not exactly those that were asked for. */
int probe_run(const struct probe *probe, probe_body *body, void *argument);

/* The same, for a body that returns: what it returned. Fails the test when it ended otherwise. */
int probe_result(const struct probe *probe, probe_body *body, void *argument);

/* Ends this process without a call that a filter would kill it for. Also for what a compiler must
 * not know to end: a sanitizer makes calls of its own before it. */
extern void (*volatile probe_leave)(int status);

/* Runs function(argument), which may make probes of its own, in another process: what it returned.
 * No assertion may fail there. */
int probe_in_process(probe_body *function, void *argument);

/* The same in a process of user NOBODY (as a plain user: of this one) that its equals may trace. */
int probe_as_nobody(probe_body *function, void *argument);

/* Becomes user NOBODY in a process that is root; for bodies. 0, or -1. */
int probe_become_nobody(void);

/* A process that waits, of this user or of user NOBODY, and dies with the test; and its end. */
pid_t probe_start_bystander(bool nobody);
void probe_end_bystander(pid_t pid);

/* Skips the test, saying why, when this machine does not permit the wall. */
void probe_need(enum wall wall);

/* Skips the test and says why. */
#define PROBE_SKIP(...)                                                                            \
    do {                                                                                           \
        print_message("# skipped: " __VA_ARGS__);                                                  \
        skip();                                                                                    \
    } while (0)

/* The wall with those without which the kernel does not let this user have it. */
wall_set probe_walls(enum wall wall);

/* Runs `body` in both ways: without the wall it must return 0, behind it `refusal`. */
void probe_expect(enum wall wall, probe_body *body, void *argument, int refusal);

/* A new empty folder that everybody may enter and write to; removed when the test ends. */
const char *probe_folder(void);

/* Setup and teardown of each test. */
int probe_begin(void **state);
int probe_end(void **state);
#define WALL_TEST(function) cmocka_unit_test_setup_teardown(function, probe_begin, probe_end)

#endif
