/* The one reader of configuration, for all services and commands.
 *
 * A value comes from the first of: a flag, the environment, `.env` in the working directory, the
 * configuration file, the default. Every key can be set in each of them:
 *
 *     file          wasi:
 *                     execution_timeout_ms: 60000
 *     environment   SHANNON_WASI_EXECUTION_TIMEOUT_MS=60000   (upper case, dots as underscores)
 *     .env          the same line
 *
 * Some keys also have a customary name of their own (PYTHON_WASI_WASM_PATH, OPENAI_API_KEY, ...),
 * which counts when the SHANNON_ one is not set in the same place. A list or a map is written in
 * YAML's short form outside the file: `SHANNON_WASI_ALLOWED_PATHS=[/data, /srv]`.
 *
 * The configuration file is the one named by the flag `--config`, else by SHANNON_CONFIG, else
 * `config/shannon.yaml` in the working directory, else `/etc/shannon/shannon.yaml`; the last two
 * may be missing.
 *
 * An unknown key, a value of the wrong type or out of range is an error that names the file, the
 * line and the key. Not thread-safe.
 */
#ifndef SHANNON_BASE_CONFIG_H
#define SHANNON_BASE_CONFIG_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order in which `shannon config show` prints them. */
enum config_key {
    CONFIG_WASI_EXECUTION_TIMEOUT_MS,
    CONFIG_WASI_MEMORY_LIMIT_BYTES,
    CONFIG_WASI_CPU_LIMIT_MS,
    CONFIG_WASI_SCRATCH_LIMIT_BYTES,
    CONFIG_WASI_ALLOWED_PATHS,
    CONFIG_WASI_ENV_VARS,
    CONFIG_WASI_INTERPRETER,
    CONFIG_WASI_INTERPRETER_PATH, /* PYTHON_WASI_WASM_PATH */
    CONFIG_AGENT_CORE_HOST,
    CONFIG_AGENT_CORE_PORT,
    CONFIG_AGENT_CORE_MAX_BODY_BYTES,
    CONFIG_AGENT_CORE_MAX_CODE_BYTES,
    CONFIG_AGENT_CORE_OUTPUT_LIMIT_BYTES,
    CONFIG_AGENT_CORE_FILES_LIMIT_BYTES,
    CONFIG_AGENT_CORE_MAX_TIMEOUT_MS,
    CONFIG_AGENT_CORE_MAX_MEMORY_BYTES,
    CONFIG_AGENT_CORE_MAX_CONCURRENT,
    CONFIG_AGENT_CORE_MAX_QUEUED,
    CONFIG_AGENT_CORE_MAX_SPARES,
    CONFIG_SANDBOX_REQUIRE,
    CONFIG_SANDBOX_ZYGOTE_MAX_RUNS,
    CONFIG_SESSIONS_DIRECTORY,
    CONFIG_SESSIONS_MAX_COUNT,
    CONFIG_SESSIONS_MAX_LIVE,
    CONFIG_SESSIONS_MAX_BYTES,
    CONFIG_SESSIONS_MAX_AGE_MS,
    CONFIG_SESSIONS_IDLE_MS,
    CONFIG_LLM_HOST,
    CONFIG_LLM_PORT,
    CONFIG_LLM_AGENT_CORE_URL,
    CONFIG_LLM_BASE_URL, /* OPENAI_BASE_URL */
    CONFIG_LLM_MODEL,    /* LLM_MODEL */
    CONFIG_LLM_API_KEY,  /* OPENAI_API_KEY; never from the file */
    CONFIG_ORCHESTRATOR_HOST,
    CONFIG_ORCHESTRATOR_PORT,
    CONFIG_ORCHESTRATOR_LLM_SERVICE_URL,
    CONFIG_ORCHESTRATOR_DATABASE,
    CONFIG_LOGGING_LEVEL,
    CONFIG_LOGGING_FORMAT,
    CONFIG_KEY_COUNT
};

enum config_type {
    CONFIG_NUMBER, /* an unsigned decimal integer */
    CONFIG_TEXT,
    CONFIG_CHOICE, /* a text, one of `choices` */
    CONFIG_LIST,   /* of texts */
    CONFIG_MAP     /* of names to texts */
};

/* What is known about a key before any value is read. All strings are static. */
struct config_key_info {
    const char *name;        /* "wasi.execution_timeout_ms" */
    const char *environment; /* "SHANNON_WASI_EXECUTION_TIMEOUT_MS" */
    const char *alias;       /* the customary variable beside it, or NULL */
    enum config_type type;
    uint64_t minimum, maximum; /* of a number */
    const char *choices;       /* of a choice, separated by '|' */
    const char *description;   /* one line for people */
    bool secret;               /* environment and .env only; config_describe never shows it */
};

const struct config_key_info *config_key_info(enum config_key key);

/* The key called `name` ("wasi.interpreter"), or -1. */
int config_key_from_name(const char *name);

struct config;

/* Reads all sources. `file` is the value of `--config`, or NULL. NULL with ERROR_INVALID_REQUEST
 * when a source cannot be read or holds something wrong. Release with config_free. */
struct config *config_load(const char *file, struct error *error);

/* Releases; the secrets are overwritten first. Accepts NULL. */
void config_free(struct config *config);

/* Sets a key from the flag `flag` ("--port"), `text` written as in the environment. `flag` must
 * outlive the configuration. 0, or -1 with ERROR_INVALID_REQUEST naming the flag. */
int config_set(struct config *config, enum config_key key, const char *text, const char *flag,
               struct error *error);

/* The value of a CONFIG_NUMBER. */
uint64_t config_number(const struct config *config, enum config_key key);

/* The value of a CONFIG_TEXT or CONFIG_CHOICE; "" when it is not set. The service URLs are derived
 * from host and port when they are not set; a host that means "every address" becomes loopback
 * there. Owned by the configuration, valid until it is changed or freed. */
const char *config_text(const struct config *config, enum config_key key);

/* The items of a CONFIG_LIST, or of a CONFIG_MAP as "NAME=VALUE". Owned by the configuration, valid
 * until it is changed or freed. Returns their number. */
size_t config_items(const struct config *config, enum config_key key, const char *const **items);

/* Overwrites and forgets the secret values here and removes them from the environment of this
 * process (and so of those that it starts). For services that have no use for them. */
void config_forget_secrets(struct config *config);

/* Appends the value as it would be written in the file ("***" for a secret that is set). 0, or -1
 * when memory is short. */
int config_describe(const struct config *config, enum config_key key, struct buffer *text);

/* Appends where the value came from: "default", "config/shannon.yaml:3", ".env:2", "environment
 * SHANNON_LLM_PORT", "flag --port". 0, or -1 when memory is short. */
int config_describe_origin(const struct config *config, enum config_key key, struct buffer *text);

/* Configures the logger for `service` (a static string) from logging.level and logging.format. */
void config_apply_logging(const struct config *config, const char *service);

#endif
