/* The interpreters in use. Invariant: no two zygotes have the same file, and none is stopped before
 * the pool is. */
#include "agent_core/interpreter_pool.h"

#include "base/buffer.h"
#include "sandbox/interpreter.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Each is a process with an interpreter in its memory. */
#define POOL_MAXIMUM 8
/* For how long the file behind a name is taken to be where it was. */
#define RECENT_MS 1000

struct member {
    char *path;
    struct zygote *zygote;
};

struct interpreter_pool {
    struct event_base *loop;
    const struct config *config;
    struct member members[POOL_MAXIMUM];
    size_t count;
    struct zygote *recent; /* that was asked for last; NULL: none */
    struct buffer recent_name;
    int64_t recent_ms;
};

struct interpreter_pool *interpreter_pool_new(struct event_base *loop, const struct config *config,
                                              struct error *error)
{
    struct interpreter_pool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        return NULL;
    }
    pool->loop = loop;
    pool->config = config;
    return pool;
}

void interpreter_pool_free(struct interpreter_pool *pool)
{
    if (pool == NULL)
        return;
    for (size_t i = 0; i < pool->count; i++) {
        zygote_stop(pool->members[i].zygote);
        free(pool->members[i].path);
    }
    buffer_free(&pool->recent_name);
    free(pool);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t larger_of(const struct config *config, enum config_key maximum,
                          enum config_key usual)
{
    uint64_t most = config_number(config, maximum);
    uint64_t most_usual = config_number(config, usual);
    return most > most_usual ? most : most_usual;
}

/* Starts a zygote for `path`. */
static struct zygote *start(struct interpreter_pool *pool, const char *path, struct error *error)
{
    if (pool->count == POOL_MAXIMUM) {
        error_set(error, ERROR_BUSY, "%d different interpreters are in use, which is the most",
                  POOL_MAXIMUM);
        return NULL;
    }
    struct zygote_options options = {
        .interpreter = path,
        .timeout_ms = larger_of(pool->config, CONFIG_AGENT_CORE_MAX_TIMEOUT_MS,
                                CONFIG_WASI_EXECUTION_TIMEOUT_MS),
        .memory_bytes = larger_of(pool->config, CONFIG_AGENT_CORE_MAX_MEMORY_BYTES,
                                  CONFIG_WASI_MEMORY_LIMIT_BYTES),
        .spares_maximum = config_number(pool->config, CONFIG_AGENT_CORE_MAX_SPARES),
        .forks_maximum = config_number(pool->config, CONFIG_SANDBOX_ZYGOTE_MAX_RUNS),
        .state_bytes = config_number(pool->config, CONFIG_SESSIONS_MAX_BYTES),
    };
    options.allowed_path_count =
        config_items(pool->config, CONFIG_WASI_ALLOWED_PATHS, &options.allowed_paths);
    options.variable_count = config_items(pool->config, CONFIG_WASI_ENV_VARS, &options.variables);
    struct member member = {.path = strdup(path)};
    if (member.path == NULL) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        return NULL;
    }
    member.zygote = zygote_start(pool->loop, &options, error);
    if (member.zygote == NULL)
        free(member.path);
    else
        pool->members[pool->count++] = member;
    return member.zygote;
}

int interpreter_pool_find(const struct interpreter_pool *pool, const char *name,
                          struct buffer *path, struct error *error)
{
    const char *configured = config_text(pool->config, CONFIG_WASI_INTERPRETER_PATH);
    if (name == NULL && configured[0] == '\0')
        name = config_text(pool->config, CONFIG_WASI_INTERPRETER);
    return interpreter_find(name, configured, path, error);
}

struct zygote *interpreter_pool_get_path(struct interpreter_pool *pool, const char *path,
                                         struct error *error)
{
    for (size_t i = 0; i < pool->count; i++) {
        if (strcmp(pool->members[i].path, path) == 0)
            return pool->members[i].zygote;
    }
    return start(pool, path, error);
}

/* What was found a moment ago is not looked for again. */
static struct zygote *recently_found(const struct interpreter_pool *pool, const char *name)
{
    const char *recent = buffer_text(&pool->recent_name);
    if (pool->recent == NULL || now_ms() - pool->recent_ms > RECENT_MS)
        return NULL;
    return strcmp(recent, name == NULL ? "" : name) == 0 ? pool->recent : NULL;
}

struct zygote *interpreter_pool_get(struct interpreter_pool *pool, const char *name,
                                    struct error *error)
{
    BUFFER_LOCAL struct buffer path = BUFFER_EMPTY;
    struct zygote *zygote = recently_found(pool, name);
    if (zygote != NULL)
        return zygote;
    if (interpreter_pool_find(pool, name, &path, error) != 0)
        return NULL;
    zygote = interpreter_pool_get_path(pool, buffer_text(&path), error);
    buffer_clear(&pool->recent_name);
    pool->recent =
        buffer_append_text(&pool->recent_name, name == NULL ? "" : name) == 0 ? zygote : NULL;
    pool->recent_ms = now_ms();
    return zygote;
}

struct zygote_counts interpreter_pool_counts(const struct interpreter_pool *pool)
{
    struct zygote_counts all = {0};
    for (size_t i = 0; pool != NULL && i < pool->count; i++) {
        const struct zygote_counts counts = zygote_counts(pool->members[i].zygote);
        all.spares += counts.spares;
        all.spares_wanted += counts.spares_wanted;
        all.waiting += counts.waiting;
        all.forks += counts.forks;
        all.starts += counts.starts;
    }
    return all;
}

static const char *state_name(enum zygote_state state)
{
    switch (state) {
    case ZYGOTE_STARTING:
        return "starting";
    case ZYGOTE_READY:
        return "ready";
    case ZYGOTE_FAILED:
        break;
    }
    return "failed";
}

json_t *interpreter_pool_describe(const struct interpreter_pool *pool)
{
    json_t *states = json_object();
    for (size_t i = 0; states != NULL && pool != NULL && i < pool->count; i++) {
        const char *slash = strrchr(pool->members[i].path, '/');
        const char *file = slash == NULL ? pool->members[i].path : slash + 1;
        size_t size = strlen(file);
        if (size > 5 && strcmp(file + size - 5, ".wasm") == 0)
            size -= 5;
        BUFFER_LOCAL struct buffer name = BUFFER_EMPTY;
        if (buffer_append(&name, file, size) == 0)
            (void)json_object_set_new(
                states, name.data, json_string(state_name(zygote_state(pool->members[i].zygote))));
    }
    return states;
}
