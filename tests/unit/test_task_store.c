/* src/orchestrator/task_store.c, task_store_schema.c and task.c */
#include "orchestrator/task_store.h"

#include "orchestrator/task_store_schema.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* One folder a test, with everything in it removed afterwards. */
struct fixture {
    char folder[64];
    char path[128];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    (void)snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/shannon-store-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    (void)snprintf(fixture->path, sizeof(fixture->path), "%s/state/tasks.db", fixture->folder);
    *state = fixture;
    return 0;
}

static void remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char inner[512];
        (void)snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
        if (entry->d_type == DT_DIR)
            remove_folder(inner);
        else
            (void)unlink(inner);
    }
    closedir(folder);
    (void)rmdir(path);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    remove_folder(fixture->folder);
    free(fixture);
    return 0;
}

static struct task_store *open_store(const struct fixture *fixture)
{
    struct error error = ERROR_NONE;
    struct task_store *store = task_store_open(fixture->path, &error);
    if (store == NULL)
        print_error("%s\n", error.message);
    assert_non_null(store);
    return store;
}

static void submit(struct task_store *store, const char *query, char id[static TASK_ID_SIZE])
{
    struct error error = ERROR_NONE;
    struct task task = {.query = (char *)(uintptr_t)query};
    assert_int_equal(task_make_id(task.id, &error), 0);
    int result = task_store_submit(store, &task, &error);
    if (result != 0)
        print_error("%s\n", error.message);
    assert_int_equal(result, 0);
    assert_int_equal(task.status, TASK_QUEUED);
    memcpy(id, task.id, TASK_ID_SIZE);
}

static enum task_status status_of(struct task_store *store, const char *id)
{
    TASK_LOCAL struct task task = {0};
    struct error error = ERROR_NONE;
    assert_int_equal(task_store_get(store, id, &task, &error), 1);
    return task.status;
}

static void finish(struct task_store *store, const char *id, const char *answer)
{
    struct task task = {.status = TASK_COMPLETED, .answer = (char *)(uintptr_t)answer};
    struct error error = ERROR_NONE;
    (void)snprintf(task.id, sizeof(task.id), "%s", id);
    assert_int_equal(task_store_finish(store, &task, &error), 0);
}

static void a_task_keeps_its_fields_across_a_restart(void **state)
{
    const struct fixture *fixture = *state;
    struct task_store *store = open_store(fixture);
    struct error error = ERROR_NONE;
    struct task submitted = {.query = (char *)"q\xc3\xa4 'x' \"y\" \n",
                             .session_id = (char *)"s-1",
                             .options = (char *)"{\"mode\":\"simple\"}"};
    assert_int_equal(task_make_id(submitted.id, &error), 0);
    assert_int_equal(task_store_submit(store, &submitted, &error), 0);
    assert_true(submitted.created_ms > 1500000000000);
    task_store_close(store);

    store = open_store(fixture);
    TASK_LOCAL struct task task = {0};
    assert_int_equal(task_store_get(store, submitted.id, &task, &error), 1);
    assert_string_equal(task.id, submitted.id);
    assert_int_equal(task.status, TASK_QUEUED);
    assert_int_equal(task.attempts, 0);
    assert_int_equal(task.created_ms, submitted.created_ms);
    assert_int_equal(task.completed_ms, 0);
    assert_string_equal(task.query, "q\xc3\xa4 'x' \"y\" \n");
    assert_string_equal(task.session_id, "s-1");
    assert_string_equal(task.options, "{\"mode\":\"simple\"}");
    assert_null(task.answer);
    TASK_LOCAL struct task none = {0};
    assert_int_equal(task_store_get(store, "task-unknown", &none, &error), 0);
    task_store_close(store);
}

static void tasks_are_claimed_once_and_in_their_order(void **state)
{
    struct task_store *store = open_store(*state);
    struct error error = ERROR_NONE;
    char ids[3][TASK_ID_SIZE];
    for (int i = 0; i < 3; i++)
        submit(store, "x", ids[i]);
    for (int i = 0; i < 3; i++) {
        TASK_LOCAL struct task task = {0};
        assert_int_equal(task_store_claim(store, &task, &error), 1);
        assert_string_equal(task.id, ids[i]);
        assert_int_equal(task.attempts, 1);
        assert_int_equal(status_of(store, ids[i]), TASK_RUNNING);
    }
    TASK_LOCAL struct task none = {0};
    assert_int_equal(task_store_claim(store, &none, &error), 0);
    task_store_close(store);
}

static void a_task_ends_once(void **state)
{
    struct task_store *store = open_store(*state);
    struct error error = ERROR_NONE;
    char id[TASK_ID_SIZE];
    submit(store, "x", id);
    TASK_LOCAL struct task claimed = {0};
    assert_int_equal(task_store_claim(store, &claimed, &error), 1);
    finish(store, id, "{\"result\":\"1\"}");
    struct task late = {
        .status = TASK_FAILED, .error_kind = ERROR_TIMEOUT, .error_message = (char *)"too late"};
    memcpy(late.id, id, sizeof(late.id));
    assert_int_equal(task_store_finish(store, &late, &error), 0);
    TASK_LOCAL struct task task = {0};
    assert_int_equal(task_store_get(store, id, &task, &error), 1);
    assert_int_equal(task.status, TASK_COMPLETED);
    assert_int_equal(task.error_kind, ERROR_OK);
    assert_null(task.error_message);
    assert_string_equal(task.answer, "{\"result\":\"1\"}");
    assert_true(task.completed_ms >= task.created_ms);
    task_store_close(store);
}

static void a_failed_task_keeps_its_reason(void **state)
{
    struct task_store *store = open_store(*state);
    struct error error = ERROR_NONE;
    struct task failed = {.status = TASK_FAILED,
                          .error_kind = ERROR_TIMEOUT,
                          .error_message = (char *)"Execution timeout"};
    submit(store, "x", failed.id);
    assert_int_equal(task_store_finish(store, &failed, &error), 0);
    TASK_LOCAL struct task task = {0};
    assert_int_equal(task_store_get(store, failed.id, &task, &error), 1);
    assert_int_equal(task.status, TASK_FAILED);
    assert_int_equal(task.error_kind, ERROR_TIMEOUT);
    assert_string_equal(task.error_message, "Execution timeout");
    task_store_close(store);
}

static void a_deferred_attempt_does_not_count(void **state)
{
    struct task_store *store = open_store(*state);
    struct error error = ERROR_NONE;
    char id[TASK_ID_SIZE];
    submit(store, "x", id);
    TASK_LOCAL struct task claimed = {0};
    assert_int_equal(task_store_claim(store, &claimed, &error), 1);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(task_store_defer(store, id, &error), 0);
        assert_int_equal(status_of(store, id), TASK_DEFERRED);
        TASK_LOCAL struct task none = {0};
        assert_int_equal(task_store_claim(store, &none, &error), 0);
        assert_int_equal(task_store_resume(store, id, &error), 0);
    }
    TASK_LOCAL struct task task = {0};
    assert_int_equal(task_store_get(store, id, &task, &error), 1);
    assert_int_equal(task.status, TASK_RUNNING);
    assert_int_equal(task.attempts, 1);
    assert_int_equal(task_store_requeue(store, id, &error), 0);
    TASK_LOCAL struct task again = {0};
    assert_int_equal(task_store_claim(store, &again, &error), 1);
    assert_string_equal(again.id, id);
    assert_int_equal(again.attempts, 2);
    task_store_close(store);
}

static void unfinished_tasks_are_recovered_until_they_were_tried_often_enough(void **state)
{
    const struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    char id[TASK_ID_SIZE];
    struct task_store *store = open_store(fixture);
    submit(store, "x", id);
    int64_t queued = -1;
    int64_t failed = -1;
    for (int attempt = 1; attempt <= 3; attempt++) {
        assert_int_equal(status_of(store, id), TASK_QUEUED);
        TASK_LOCAL struct task task = {0};
        assert_int_equal(task_store_claim(store, &task, &error), 1);
        assert_int_equal(task.attempts, attempt);
        task_store_close(store);
        store = open_store(fixture);
        assert_int_equal(task_store_recover(store, 3, &queued, &failed, &error), 0);
    }
    assert_int_equal(queued, 0);
    assert_int_equal(failed, 1);
    TASK_LOCAL struct task task = {0};
    assert_int_equal(task_store_get(store, id, &task, &error), 1);
    assert_int_equal(task.status, TASK_FAILED);
    assert_int_equal(task.error_kind, ERROR_INTERNAL);
    assert_non_null(strstr(task.error_message, "3 times"));
    task_store_close(store);
}

struct listing {
    char ids[64][TASK_ID_SIZE];
    int count;
};

static void note_task(void *argument, const struct task *task)
{
    struct listing *listing = argument;
    memcpy(listing->ids[listing->count++], task->id, TASK_ID_SIZE);
}

static void tasks_are_listed_newest_first_in_pages(void **state)
{
    struct task_store *store = open_store(*state);
    struct error error = ERROR_NONE;
    char ids[10][TASK_ID_SIZE];
    for (int i = 0; i < 10; i++) {
        struct task task = {.query = (char *)"x", .session_id = i % 2 == 0 ? (char *)"even" : NULL};
        assert_int_equal(task_make_id(task.id, &error), 0);
        assert_int_equal(task_store_submit(store, &task, &error), 0);
        memcpy(ids[i], task.id, TASK_ID_SIZE);
    }
    finish(store, ids[4], "{}");
    int64_t total = 0;
    struct listing page = {0};
    struct task_filter filter = {.limit = 3, .offset = 2};
    assert_int_equal(task_store_list(store, &filter, note_task, &page, &total, &error), 0);
    assert_int_equal(total, 10);
    assert_int_equal(page.count, 3);
    assert_string_equal(page.ids[0], ids[7]);
    assert_string_equal(page.ids[2], ids[5]);

    struct listing completed = {0};
    filter = (struct task_filter){.status = "COMPLETED", .limit = 64};
    assert_int_equal(task_store_list(store, &filter, note_task, &completed, &total, &error), 0);
    assert_int_equal(total, 1);
    assert_string_equal(completed.ids[0], ids[4]);

    struct listing session = {0};
    filter = (struct task_filter){.status = "QUEUED", .session_id = "even", .limit = 64};
    assert_int_equal(task_store_list(store, &filter, note_task, &session, &total, &error), 0);
    assert_int_equal(total, 4);
    assert_int_equal(session.count, 4);
    task_store_close(store);
}

static void a_store_in_use_is_refused_to_another_process(void **state)
{
    const struct fixture *fixture = *state;
    struct task_store *store = open_store(fixture);
    char id[TASK_ID_SIZE];
    submit(store, "x", id);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct error error = ERROR_NONE;
        bool refused = task_store_open(fixture->path, &error) == NULL &&
                       strstr(error.message, "another orchestrator") != NULL;
        _exit(refused ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(status_of(store, id), TASK_QUEUED);
    task_store_close(store);
}

static void execute(const char *path, const char *sql)
{
    sqlite3 *database = NULL;
    char *message = NULL;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    int code = sqlite3_exec(database, sql, NULL, NULL, &message);
    if (code != SQLITE_OK)
        print_error("%s\n", message);
    assert_int_equal(code, SQLITE_OK);
    sqlite3_close(database);
}

static void expect_open_refused(const char *path, const char *part_of_message)
{
    struct error error = ERROR_NONE;
    assert_null(task_store_open(path, &error));
    if (strstr(error.message, part_of_message) == NULL)
        print_error("%s\n", error.message);
    assert_int_equal(error.kind, ERROR_INTERNAL);
    assert_non_null(strstr(error.message, part_of_message));
    assert_non_null(strstr(error.message, path));
}

static void a_newer_schema_is_refused_and_left_alone(void **state)
{
    const struct fixture *fixture = *state;
    task_store_close(open_store(fixture));
    char sql[64];
    (void)snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", task_store_schema_version() + 1);
    execute(fixture->path, sql);
    expect_open_refused(fixture->path, "newer shannon");
    (void)snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", task_store_schema_version());
    execute(fixture->path, sql);
    task_store_close(open_store(fixture));
}

static void what_is_no_task_store_is_refused(void **state)
{
    const struct fixture *fixture = *state;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/other.db", fixture->folder);
    execute(path, "CREATE TABLE theirs (x)");
    expect_open_refused(path, "another program");

    (void)snprintf(path, sizeof(path), "%s/text.db", fixture->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        (void)fputs("this is no database\n", file);
    assert_int_equal(fclose(file), 0);
    expect_open_refused(path, "not a database");

    expect_open_refused(fixture->folder, "unable to open");
    (void)snprintf(path, sizeof(path), "%s/text.db/tasks.db", fixture->folder);
    expect_open_refused(path, "Cannot");
}

/* The full disk is a limit on the size of files, which reports its own signal and errno where a
 * full disk reports ENOSPC; to SQLite both are a write that failed. */
static void a_full_disk_loses_nothing_and_is_survived(void **state)
{
    struct task_store *store = open_store(*state);
    char first[TASK_ID_SIZE];
    submit(store, "before", first);
    struct rlimit normal;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &normal), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    struct rlimit full = {.rlim_cur = 4096, .rlim_max = normal.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);

    char *large = malloc(1 << 20);
    assert_non_null(large);
    memset(large, 'x', 1 << 20);
    large[(1 << 20) - 1] = '\0';
    struct task task = {.query = large};
    struct error error = ERROR_NONE;
    assert_int_equal(task_make_id(task.id, &error), 0);
    assert_int_equal(task_store_submit(store, &task, &error), -1);
    assert_int_equal(error.kind, ERROR_INTERNAL);
    assert_non_null(strstr(error.message, "Cannot store the task"));
    assert_int_equal(status_of(store, first), TASK_QUEUED);

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &normal), 0);
    error = ERROR_NONE;
    assert_int_equal(task_store_submit(store, &task, &error), 0);
    assert_int_equal(status_of(store, task.id), TASK_QUEUED);
    free(large);
    task_store_close(store);
}

/* A child that stores tasks, changes them, and tells each identifier only when it is stored. */
static void write_tasks_until_killed(const char *path, int output)
{
    struct error error = ERROR_NONE;
    struct task_store *store = task_store_open(path, &error);
    int64_t queued;
    int64_t failed;
    if (store == NULL || task_store_recover(store, 1000, &queued, &failed, &error) != 0)
        _exit(1);
    for (;;) {
        struct task task = {.query = (char *)"print(1)"};
        if (task_make_id(task.id, &error) != 0 || task_store_submit(store, &task, &error) != 0 ||
            write(output, task.id, TASK_ID_SIZE) != TASK_ID_SIZE)
            _exit(1);
        struct task claimed = {0};
        if (task_store_claim(store, &claimed, &error) != 1)
            _exit(1);
        claimed.status = TASK_COMPLETED;
        claimed.answer = strdup("{\"result\":\"1\"}");
        if (task_store_finish(store, &claimed, &error) != 0)
            _exit(1);
        task_free(&claimed);
    }
}

/* Reads what the child told and kills it after about `tasks` of them. */
static int collect_and_kill(pid_t child, int input, int tasks, char (*ids)[TASK_ID_SIZE])
{
    int count = 0;
    while (count < tasks && read(input, ids[count], TASK_ID_SIZE) == TASK_ID_SIZE)
        count++;
    assert_int_equal(kill(child, SIGKILL), 0);
    while (count < 2 * tasks && read(input, ids[count], TASK_ID_SIZE) == TASK_ID_SIZE)
        count++;
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return count;
}

#define KILLS 8
#define TASKS_A_KILL 40

static void nothing_that_was_told_is_lost_by_kill_9(void **state)
{
    const struct fixture *fixture = *state;
    static char ids[KILLS * 2 * TASKS_A_KILL][TASK_ID_SIZE];
    int count = 0;
    for (int round = 0; round < KILLS; round++) {
        int ends[2];
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            write_tasks_until_killed(fixture->path, ends[1]);
        close(ends[1]);
        count += collect_and_kill(child, ends[0], TASKS_A_KILL - round, ids + count);
        close(ends[0]);
    }
    struct task_store *store = open_store(fixture);
    struct error error = ERROR_NONE;
    int64_t queued;
    int64_t failed;
    assert_int_equal(task_store_recover(store, 1000, &queued, &failed, &error), 0);
    assert_true(count > KILLS * (TASKS_A_KILL - KILLS));
    for (int i = 0; i < count; i++) {
        enum task_status status = status_of(store, ids[i]);
        assert_true(status == TASK_QUEUED || status == TASK_COMPLETED);
    }
    int64_t total;
    struct listing none = {0};
    struct task_filter filter = {.limit = 0};
    assert_int_equal(task_store_list(store, &filter, note_task, &none, &total, &error), 0);
    /* One more a kill may have been stored and not told any more. */
    assert_true(total >= count && total <= count + KILLS);
    task_store_close(store);
}

static void identifiers_do_not_repeat(void **state)
{
    (void)state;
    struct error error = ERROR_NONE;
    char first[TASK_ID_SIZE];
    char second[TASK_ID_SIZE];
    assert_int_equal(task_make_id(first, &error), 0);
    assert_int_equal(task_make_id(second, &error), 0);
    assert_int_equal(strlen(first), TASK_ID_SIZE - 1);
    assert_string_not_equal(first, second);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(a_task_keeps_its_fields_across_a_restart),
        WITH_STORE(tasks_are_claimed_once_and_in_their_order),
        WITH_STORE(a_task_ends_once),
        WITH_STORE(a_failed_task_keeps_its_reason),
        WITH_STORE(a_deferred_attempt_does_not_count),
        WITH_STORE(unfinished_tasks_are_recovered_until_they_were_tried_often_enough),
        WITH_STORE(tasks_are_listed_newest_first_in_pages),
        WITH_STORE(a_store_in_use_is_refused_to_another_process),
        WITH_STORE(a_newer_schema_is_refused_and_left_alone),
        WITH_STORE(what_is_no_task_store_is_refused),
        WITH_STORE(a_full_disk_loses_nothing_and_is_survived),
        WITH_STORE(nothing_that_was_told_is_lost_by_kill_9),
        cmocka_unit_test(identifiers_do_not_repeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
