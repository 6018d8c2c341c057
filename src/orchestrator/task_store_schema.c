/* The schema of the task store. Invariant: step N of `steps` leads from version N to N + 1; a step
 * that was released is never changed. */
#include "orchestrator/task_store_schema.h"

#include <stdio.h>

static const char *const steps[] = {
    /* AUTOINCREMENT: the order of submission survives the removal of old rows. The index over the
     * queue stays as small as the queue. */
    "CREATE TABLE tasks ("
    "  sequence INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  id TEXT NOT NULL UNIQUE,"
    "  status TEXT NOT NULL,"
    "  attempts INTEGER NOT NULL DEFAULT 0,"
    "  created_ms INTEGER NOT NULL,"
    "  updated_ms INTEGER NOT NULL,"
    "  completed_ms INTEGER NOT NULL DEFAULT 0,"
    "  query TEXT NOT NULL,"
    "  session_id TEXT,"
    "  options TEXT,"
    "  error_kind TEXT,"
    "  error_message TEXT,"
    "  answer TEXT"
    ") STRICT;"
    "CREATE INDEX tasks_queued ON tasks (sequence) WHERE status = 'QUEUED';"
    "CREATE INDEX tasks_unfinished ON tasks (status) WHERE status IN ('RUNNING', 'DEFERRED');"
    "CREATE INDEX tasks_session ON tasks (session_id, sequence) WHERE session_id IS NOT NULL;",
};

#define VERSION ((int)(sizeof(steps) / sizeof(steps[0])))

int task_store_schema_version(void)
{
    return VERSION;
}

static int fail(sqlite3 *database, const char *path, const char *what, struct error *error)
{
    return error_set(error, ERROR_INTERNAL, "Cannot %s the task store %s: %s", what, path,
                     sqlite3_errmsg(database));
}

static int read_number(sqlite3 *database, const char *query, int *number)
{
    sqlite3_stmt *statement = NULL;
    int result = -1;
    if (sqlite3_prepare_v2(database, query, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        *number = sqlite3_column_int(statement, 0);
        result = 0;
    }
    sqlite3_finalize(statement);
    return result;
}

static int check_owner(sqlite3 *database, const char *path, struct error *error)
{
    int application = 0;
    int objects = 0;
    if (read_number(database, "PRAGMA application_id", &application) != 0 ||
        read_number(database, "SELECT count(*) FROM sqlite_schema", &objects) != 0)
        return fail(database, path, "read", error);
    if (objects > 0 && application != TASK_STORE_APPLICATION_ID)
        return error_set(error, ERROR_INTERNAL,
                         "%s is a database of another program, not a task store: set "
                         "orchestrator.database (SHANNON_ORCHESTRATOR_DATABASE) to another file",
                         path);
    return 0;
}

static int take_step(sqlite3 *database, const char *path, int version, struct error *error)
{
    char stamp[128];
    (void)snprintf(stamp, sizeof(stamp),
                   "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT;",
                   TASK_STORE_APPLICATION_ID, version + 1);
    if (sqlite3_exec(database, "BEGIN IMMEDIATE;", NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_exec(database, steps[version], NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_exec(database, stamp, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    (void)fail(database, path, "update the schema of", error);
    (void)sqlite3_exec(database, "ROLLBACK;", NULL, NULL, NULL);
    return -1;
}

int task_store_schema_update(sqlite3 *database, const char *path, struct error *error)
{
    int version = 0;
    if (check_owner(database, path, error) != 0)
        return -1;
    if (read_number(database, "PRAGMA user_version", &version) != 0)
        return fail(database, path, "read", error);
    if (version < 0 || version > VERSION)
        return error_set(error, ERROR_INTERNAL,
                         "The task store %s has schema %d, and this program knows up to %d: it was "
                         "written by a newer shannon. Run that one, or set orchestrator.database "
                         "(SHANNON_ORCHESTRATOR_DATABASE) to another file",
                         path, version, VERSION);
    for (; version < VERSION; version++) {
        if (take_step(database, path, version, error) != 0)
            return -1;
    }
    return 0;
}
