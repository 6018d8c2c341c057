/* The interpreters in use: one zygote for each file, started when it is first asked for. */
#ifndef SHANNON_AGENT_CORE_INTERPRETER_POOL_H
#define SHANNON_AGENT_CORE_INTERPRETER_POOL_H

#include "base/buffer.h"
#include "base/config.h"
#include "base/error.h"
#include "sandbox/zygote.h"

#include <jansson.h>

struct event_base;
struct interpreter_pool;

/* `config` (the wasi section) must outlive the pool. NULL with ERROR_INTERNAL. */
struct interpreter_pool *interpreter_pool_new(struct event_base *loop, const struct config *config,
                                              struct error *error);

/* Stops every zygote; the `done` of each execution that waits for a process is called before this
 * returns, those that run go on. Accepts NULL. */
void interpreter_pool_free(struct interpreter_pool *pool);

/* The zygote of the interpreter called `name` (NULL: the configured one). It belongs to the pool
 * and lives as long. NULL with ERROR_INTERPRETER_NOT_FOUND; ERROR_BUSY when too many different ones
 * are in use; ERROR_INTERNAL. */
struct zygote *interpreter_pool_get(struct interpreter_pool *pool, const char *name,
                                    struct error *error);

/* The two steps of it: the path of the file, appended to `path`; and its zygote. */
int interpreter_pool_find(const struct interpreter_pool *pool, const char *name,
                          struct buffer *path, struct error *error);
struct zygote *interpreter_pool_get_path(struct interpreter_pool *pool, const char *path,
                                         struct error *error);

/* The counts of all zygotes together. */
struct zygote_counts interpreter_pool_counts(const struct interpreter_pool *pool);

/* {"python-3.11": "ready", ...}: the file's name without ".wasm", and "starting", "ready" or
 * "failed". `pool` NULL: none. A new reference, or NULL when memory is short. */
json_t *interpreter_pool_describe(const struct interpreter_pool *pool);

#endif
