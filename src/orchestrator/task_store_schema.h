/* The schema of the task store and the way from each older one to it. A part of task_store.h. */
#ifndef SHANNON_ORCHESTRATOR_TASK_STORE_SCHEMA_H
#define SHANNON_ORCHESTRATOR_TASK_STORE_SCHEMA_H

#include "base/error.h"

#include <sqlite3.h>

/* In the header of the file (PRAGMA application_id): "Shan". */
#define TASK_STORE_APPLICATION_ID 0x5368616e

/* The schema this program writes (PRAGMA user_version). */
int task_store_schema_version(void);

/* Brings the database at `path` (for messages) to that schema, one transaction a step. A new file
 * gets all of it. 0, or -1 with ERROR_INTERNAL: the file belongs to another program, is newer than
 * this one, or cannot be changed. */
int task_store_schema_update(sqlite3 *database, const char *path, struct error *error);

#endif
