/* The tasks on disk. Invariant: between two calls no statement is active and no transaction is
 * open. */
#include "orchestrator/task_store.h"

#include "orchestrator/task_store_schema.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* A restarted orchestrator may meet the end of its predecessor. */
#define BUSY_TIMEOUT_MS 2000

enum statement {
    STATEMENT_SUBMIT,
    STATEMENT_CLAIM,
    STATEMENT_DEFER,
    STATEMENT_RESUME,
    STATEMENT_REQUEUE,
    STATEMENT_FINISH,
    STATEMENT_RECOVER_FAILED,
    STATEMENT_RECOVER_QUEUED,
    STATEMENT_GET,
    STATEMENT_LIST,
    STATEMENT_COUNT_TASKS,
    STATEMENT_COUNT
};

#define TASK_COLUMNS                                                                               \
    "id, status, attempts, created_ms, updated_ms, completed_ms, query, session_id, options, "     \
    "error_kind, error_message, answer"
#define LIST_COLUMNS                                                                               \
    "id, status, attempts, created_ms, updated_ms, completed_ms, substr(query, 1, 10000), "        \
    "session_id, NULL, error_kind, error_message, NULL"
#define LIST_FILTER                                                                                \
    " WHERE (?1 IS NULL OR status = ?1 OR (?1 = 'QUEUED' AND status = 'DEFERRED'))"                \
    " AND (?2 IS NULL OR session_id = ?2)"

static const char *const statement_texts[STATEMENT_COUNT] = {
    [STATEMENT_SUBMIT] = "INSERT INTO tasks (id, status, created_ms, updated_ms, query, session_id,"
                         " options) VALUES (?1, 'QUEUED', ?2, ?2, ?3, ?4, ?5)",
    [STATEMENT_CLAIM] =
        "UPDATE tasks SET status = 'RUNNING', attempts = attempts + 1, updated_ms = ?1"
        " WHERE sequence = (SELECT min(sequence) FROM tasks WHERE status = 'QUEUED')"
        " RETURNING " TASK_COLUMNS,
    [STATEMENT_DEFER] =
        "UPDATE tasks SET status = 'DEFERRED', attempts = attempts - 1, updated_ms = ?2"
        " WHERE id = ?1 AND status = 'RUNNING'",
    [STATEMENT_RESUME] =
        "UPDATE tasks SET status = 'RUNNING', attempts = attempts + 1, updated_ms = ?2"
        " WHERE id = ?1 AND status = 'DEFERRED'",
    [STATEMENT_REQUEUE] = "UPDATE tasks SET status = 'QUEUED', updated_ms = ?2"
                          " WHERE id = ?1 AND status = 'RUNNING'",
    [STATEMENT_FINISH] = "UPDATE tasks SET status = ?2, updated_ms = ?3, completed_ms = ?3,"
                         " error_kind = ?4, error_message = ?5, answer = ?6"
                         " WHERE id = ?1 AND status IN ('QUEUED', 'DEFERRED', 'RUNNING')",
    [STATEMENT_RECOVER_FAILED] =
        "UPDATE tasks SET status = 'FAILED', updated_ms = ?2, completed_ms = ?2,"
        " error_kind = 'internal', error_message = 'The orchestrator ended ' || attempts ||"
        " ' times while this task was running; it is not tried again. Submit it anew'"
        " WHERE status = 'RUNNING' AND attempts >= ?1",
    [STATEMENT_RECOVER_QUEUED] = "UPDATE tasks SET status = 'QUEUED', updated_ms = ?1"
                                 " WHERE status IN ('RUNNING', 'DEFERRED')",
    [STATEMENT_GET] = "SELECT " TASK_COLUMNS " FROM tasks WHERE id = ?1",
    [STATEMENT_LIST] = "SELECT " LIST_COLUMNS " FROM tasks" LIST_FILTER
                       " ORDER BY sequence DESC LIMIT ?3 OFFSET ?4",
    [STATEMENT_COUNT_TASKS] = "SELECT count(*) FROM tasks" LIST_FILTER,
};

struct task_store {
    sqlite3 *database;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    bool durable; /* synchronous=FULL is set */
    char path[PATH_MAX];
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static const char *advice(int code)
{
    switch (code & 0xff) {
    case SQLITE_FULL:
        return "; free space there and try again";
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return "; make the file and its folder writable for this user";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "; another orchestrator uses it: stop that one, or set orchestrator.database "
               "(SHANNON_ORCHESTRATOR_DATABASE) to another file";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return "; it is damaged or no task store: move it away, or restore it from a backup";
    case SQLITE_IOERR:
        return "; check the disk and its free space";
    default:
        return "";
    }
}

static int fail(struct task_store *store, const char *what, struct error *error)
{
    int code = sqlite3_extended_errcode(store->database);
    return error_set(error, ERROR_INTERNAL, "Cannot %s: the task store %s reports: %s%s", what,
                     store->path, sqlite3_errmsg(store->database), advice(code));
}

/* Statements are reset as soon as they are done, so that none holds a lock or a transaction. */
static void reset(sqlite3_stmt *const *statement)
{
    sqlite3_reset(*statement);
    sqlite3_clear_bindings(*statement);
}
#define RESET_LATER __attribute__((cleanup(reset)))

static int bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    return text == NULL ? sqlite3_bind_null(statement, index)
                        : sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

/* Runs a statement that answers no rows. */
static int run(struct task_store *store, sqlite3_stmt *statement, const char *what,
               struct error *error)
{
    return sqlite3_step(statement) == SQLITE_DONE ? 0 : fail(store, what, error);
}

/* Whether the next commits wait for the disk. */
static int set_durable(struct task_store *store, bool durable, struct error *error)
{
    if (store->durable == durable)
        return 0;
    const char *pragma = durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL";
    if (sqlite3_exec(store->database, pragma, NULL, NULL, NULL) != SQLITE_OK)
        return fail(store, "set the durability", error);
    store->durable = durable;
    return 0;
}

static int make_parent_folders(const char *path, struct error *error)
{
    char folder[PATH_MAX];
    (void)snprintf(folder, sizeof(folder), "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0700) != 0 && errno != EEXIST)
            return error_set_errno(error, ERROR_INTERNAL, errno,
                                   "Cannot create the folder %s for the task store %s", folder,
                                   path);
        *slash = '/';
    }
    return 0;
}

/* WAL keeps readers apart from the writer; with the exclusive locking mode the file belongs to this
 * process until it ends, so that no second orchestrator runs the same tasks. */
static int configure(struct task_store *store, struct error *error)
{
    static const char pragmas[] = "PRAGMA locking_mode=EXCLUSIVE;"
                                  "PRAGMA journal_mode=WAL;"
                                  "PRAGMA synchronous=FULL;"
                                  "PRAGMA journal_size_limit=67108864;";
    (void)sqlite3_busy_timeout(store->database, BUSY_TIMEOUT_MS);
    (void)sqlite3_extended_result_codes(store->database, 1);
    (void)sqlite3_db_config(store->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (sqlite3_exec(store->database, pragmas, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(store->database, "BEGIN EXCLUSIVE; COMMIT;", NULL, NULL, NULL) != SQLITE_OK)
        return fail(store, "open the store", error);
    store->durable = true;
    return 0;
}

static int prepare(struct task_store *store, struct error *error)
{
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        if (sqlite3_prepare_v3(store->database, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &store->statements[i], NULL) != SQLITE_OK)
            return fail(store, "prepare the store", error);
    }
    return 0;
}

/* SQLite opens what it may not write for reading only, and fails later in other words. */
static int open_file(struct task_store *store, struct error *error)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (make_parent_folders(store->path, error) != 0)
        return -1;
    if (sqlite3_open_v2(store->path, &store->database, flags, NULL) != SQLITE_OK)
        return fail(store, "open the store", error);
    if (sqlite3_db_readonly(store->database, "main") != 0)
        return error_set(error, ERROR_INTERNAL, "The task store %s cannot be written%s",
                         store->path, advice(SQLITE_READONLY));
    return 0;
}

struct task_store *task_store_open(const char *path, struct error *error)
{
    struct task_store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        error_set(error, ERROR_INTERNAL, "Out of memory while opening the task store");
        return NULL;
    }
    if (strlen(path) >= sizeof(store->path)) {
        error_set(error, ERROR_INTERNAL, "The path of the task store is longer than %d bytes",
                  PATH_MAX - 1);
        free(store);
        return NULL;
    }
    memcpy(store->path, path, strlen(path) + 1);
    if (open_file(store, error) != 0 || configure(store, error) != 0 ||
        task_store_schema_update(store->database, path, error) != 0 || prepare(store, error) != 0) {
        task_store_close(store);
        return NULL;
    }
    return store;
}

void task_store_close(struct task_store *store)
{
    if (store == NULL)
        return;
    for (int i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close(store->database);
    free(store);
}

int task_store_submit(struct task_store *store, struct task *task, struct error *error)
{
    if (set_durable(store, true, error) != 0)
        return -1;
    sqlite3_stmt *const statement RESET_LATER = store->statements[STATEMENT_SUBMIT];
    int64_t now = now_ms();
    if (bind_text(statement, 1, task->id) != SQLITE_OK ||
        sqlite3_bind_int64(statement, 2, now) != SQLITE_OK ||
        bind_text(statement, 3, task->query) != SQLITE_OK ||
        bind_text(statement, 4, task->session_id) != SQLITE_OK ||
        bind_text(statement, 5, task->options) != SQLITE_OK)
        return fail(store, "store the task", error);
    if (run(store, statement, "store the task", error) != 0)
        return -1;
    task->status = TASK_QUEUED;
    task->created_ms = task->updated_ms = now;
    return 0;
}

static int copy_text(sqlite3_stmt *statement, int column, char **text)
{
    const unsigned char *bytes = sqlite3_column_text(statement, column);
    *text = bytes == NULL ? NULL : strdup((const char *)bytes);
    return bytes == NULL || *text != NULL ? 0 : -1;
}

/* Reads the current row, whose columns are TASK_COLUMNS or LIST_COLUMNS. */
static int read_task(sqlite3_stmt *statement, struct task *task, struct error *error)
{
    *task = (struct task){0};
    const char *id = (const char *)sqlite3_column_text(statement, 0);
    const char *status = (const char *)sqlite3_column_text(statement, 1);
    const char *kind = (const char *)sqlite3_column_text(statement, 9);
    int status_value = status == NULL ? -1 : task_status_from_stored_name(status);
    int kind_value = kind == NULL ? ERROR_OK : error_kind_from_name(kind);
    if (id == NULL || status_value < 0)
        return error_set(error, ERROR_INTERNAL, "A row of the task store holds no task");
    (void)snprintf(task->id, sizeof(task->id), "%s", id);
    task->status = (enum task_status)status_value;
    task->error_kind = kind_value < 0 ? ERROR_INTERNAL : (enum error_kind)kind_value;
    task->attempts = sqlite3_column_int64(statement, 2);
    task->created_ms = sqlite3_column_int64(statement, 3);
    task->updated_ms = sqlite3_column_int64(statement, 4);
    task->completed_ms = sqlite3_column_int64(statement, 5);
    if (copy_text(statement, 6, &task->query) != 0 ||
        copy_text(statement, 7, &task->session_id) != 0 ||
        copy_text(statement, 8, &task->options) != 0 ||
        copy_text(statement, 10, &task->error_message) != 0 ||
        copy_text(statement, 11, &task->answer) != 0) {
        task_free(task);
        return error_set(error, ERROR_INTERNAL, "Out of memory while reading a task");
    }
    return 0;
}

int task_store_claim(struct task_store *store, struct task *task, struct error *error)
{
    if (set_durable(store, false, error) != 0)
        return -1;
    sqlite3_stmt *const statement RESET_LATER = store->statements[STATEMENT_CLAIM];
    sqlite3_bind_int64(statement, 1, now_ms());
    int code = sqlite3_step(statement);
    if (code == SQLITE_DONE)
        return 0;
    if (code != SQLITE_ROW)
        return fail(store, "take the next task", error);
    struct task claimed;
    if (read_task(statement, &claimed, error) != 0)
        return -1;
    /* The change is committed only by the step that ends the statement. */
    if (sqlite3_step(statement) != SQLITE_DONE) {
        task_free(&claimed);
        return fail(store, "take the next task", error);
    }
    *task = claimed;
    return 1;
}

static int change_status(struct task_store *store, enum statement which, const char *id,
                         const char *what, struct error *error)
{
    if (set_durable(store, false, error) != 0)
        return -1;
    sqlite3_stmt *const statement RESET_LATER = store->statements[which];
    if (bind_text(statement, 1, id) != SQLITE_OK ||
        sqlite3_bind_int64(statement, 2, now_ms()) != SQLITE_OK)
        return fail(store, what, error);
    return run(store, statement, what, error);
}

int task_store_defer(struct task_store *store, const char *id, struct error *error)
{
    return change_status(store, STATEMENT_DEFER, id, "defer the task", error);
}

int task_store_resume(struct task_store *store, const char *id, struct error *error)
{
    return change_status(store, STATEMENT_RESUME, id, "resume the task", error);
}

int task_store_requeue(struct task_store *store, const char *id, struct error *error)
{
    return change_status(store, STATEMENT_REQUEUE, id, "queue the task again", error);
}

int task_store_finish(struct task_store *store, const struct task *task, struct error *error)
{
    if (set_durable(store, true, error) != 0)
        return -1;
    sqlite3_stmt *const statement RESET_LATER = store->statements[STATEMENT_FINISH];
    bool failed = task->status == TASK_FAILED;
    if (bind_text(statement, 1, task->id) != SQLITE_OK ||
        bind_text(statement, 2, task_status_stored_name(task->status)) != SQLITE_OK ||
        sqlite3_bind_int64(statement, 3, now_ms()) != SQLITE_OK ||
        bind_text(statement, 4, failed ? error_kind_name(task->error_kind) : NULL) != SQLITE_OK ||
        bind_text(statement, 5, failed ? task->error_message : NULL) != SQLITE_OK ||
        bind_text(statement, 6, task->answer) != SQLITE_OK)
        return fail(store, "store the result", error);
    return run(store, statement, "store the result", error);
}

int task_store_recover(struct task_store *store, int64_t attempts_max, int64_t *queued,
                       int64_t *failed, struct error *error)
{
    if (set_durable(store, true, error) != 0)
        return -1;
    sqlite3_stmt *const fail_them RESET_LATER = store->statements[STATEMENT_RECOVER_FAILED];
    sqlite3_bind_int64(fail_them, 1, attempts_max);
    sqlite3_bind_int64(fail_them, 2, now_ms());
    if (run(store, fail_them, "recover the tasks", error) != 0)
        return -1;
    *failed = sqlite3_changes64(store->database);
    sqlite3_stmt *const queue_them RESET_LATER = store->statements[STATEMENT_RECOVER_QUEUED];
    sqlite3_bind_int64(queue_them, 1, now_ms());
    if (run(store, queue_them, "recover the tasks", error) != 0)
        return -1;
    *queued = sqlite3_changes64(store->database);
    return 0;
}

int task_store_get(struct task_store *store, const char *id, struct task *task, struct error *error)
{
    sqlite3_stmt *const statement RESET_LATER = store->statements[STATEMENT_GET];
    if (bind_text(statement, 1, id) != SQLITE_OK)
        return fail(store, "read the task", error);
    int code = sqlite3_step(statement);
    if (code == SQLITE_DONE)
        return 0;
    if (code != SQLITE_ROW)
        return fail(store, "read the task", error);
    return read_task(statement, task, error) == 0 ? 1 : -1;
}

int task_store_list(struct task_store *store, const struct task_filter *filter,
                    void (*each)(void *argument, const struct task *task), void *argument,
                    int64_t *total, struct error *error)
{
    sqlite3_stmt *const count RESET_LATER = store->statements[STATEMENT_COUNT_TASKS];
    sqlite3_stmt *const list RESET_LATER = store->statements[STATEMENT_LIST];
    if (bind_text(count, 1, filter->status) != SQLITE_OK ||
        bind_text(count, 2, filter->session_id) != SQLITE_OK ||
        bind_text(list, 1, filter->status) != SQLITE_OK ||
        bind_text(list, 2, filter->session_id) != SQLITE_OK ||
        sqlite3_bind_int64(list, 3, filter->limit) != SQLITE_OK ||
        sqlite3_bind_int64(list, 4, filter->offset) != SQLITE_OK ||
        sqlite3_step(count) != SQLITE_ROW)
        return fail(store, "list the tasks", error);
    *total = sqlite3_column_int64(count, 0);
    int code;
    while ((code = sqlite3_step(list)) == SQLITE_ROW) {
        TASK_LOCAL struct task task;
        if (read_task(list, &task, error) != 0)
            return -1;
        each(argument, &task);
    }
    return code == SQLITE_DONE ? 0 : fail(store, "list the tasks", error);
}
