/* The table of all keys: one row a key, nothing about a key stands anywhere else. Invariant: row i
 * describes the key whose value in enum config_key is i. */
#include "base/config_keys.h"

#include <string.h>

static const char *check_not_empty(const char *text)
{
    return text[0] == '\0' ? "not be empty" : NULL;
}

static const char *check_host(const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || length > 253 || strcspn(text, " \t\r\n/@") != length)
        return "be a host name or a numeric address";
    return NULL;
}

static const char *check_url(const char *text)
{
    bool known = strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
    if (!known || strcspn(text, " \t\r\n") != strlen(text))
        return "be a URL that begins with http:// or https://";
    return NULL;
}

static const char *check_absolute(const char *text)
{
    return text[0] == '/' ? NULL : "be an absolute path";
}

/* What a header may carry (RFC 9110, section 5.5): a line break in a key would forge another
 * header. */
static const char *check_header_value(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if (*p <= 0x20 || *p >= 0x7f)
            return "consist of visible ASCII characters";
    }
    return NULL;
}

#define MEBIBYTE (1024 * 1024)

/* clang-format off */
#define NUMBER(NAME, ENVIRONMENT, LEAST, MOST, DEFAULT, DESCRIPTION)                               \
    {.info = {.name = NAME, .environment = ENVIRONMENT, .type = CONFIG_NUMBER, .minimum = LEAST,   \
              .maximum = MOST, .description = DESCRIPTION}, .default_text = DEFAULT}
#define TEXT(NAME, ENVIRONMENT, ALIAS, CHECK, DEFAULT, DESCRIPTION)                                \
    {.info = {.name = NAME, .environment = ENVIRONMENT, .alias = ALIAS, .type = CONFIG_TEXT,       \
              .description = DESCRIPTION}, .default_text = DEFAULT, .check = CHECK}
#define CHOICE(NAME, ENVIRONMENT, CHOICES, DEFAULT, DESCRIPTION)                                   \
    {.info = {.name = NAME, .environment = ENVIRONMENT, .type = CONFIG_CHOICE, .choices = CHOICES, \
              .description = DESCRIPTION}, .default_text = DEFAULT}

const struct config_key_row config_keys[CONFIG_KEY_COUNT] = {
    [CONFIG_WASI_EXECUTION_TIMEOUT_MS] = NUMBER(
        "wasi.execution_timeout_ms", "SHANNON_WASI_EXECUTION_TIMEOUT_MS", 1, 86400000, "30000",
        "wall time of an execution that names none, in milliseconds"),
    [CONFIG_WASI_MEMORY_LIMIT_BYTES] = NUMBER(
        "wasi.memory_limit_bytes", "SHANNON_WASI_MEMORY_LIMIT_BYTES",
        32 * MEBIBYTE, 4096LL * MEBIBYTE, "268435456",
        "memory and scratch files together of an execution that names no limit"),
    [CONFIG_WASI_CPU_LIMIT_MS] = NUMBER(
        "wasi.cpu_limit_ms", "SHANNON_WASI_CPU_LIMIT_MS", 0, 86400000, "0",
        "processor time of an execution that names none; 0: as much as the wall time allows"),
    [CONFIG_WASI_SCRATCH_LIMIT_BYTES] = NUMBER(
        "wasi.scratch_limit_bytes", "SHANNON_WASI_SCRATCH_LIMIT_BYTES", 0, 4096LL * MEBIBYTE,
        "67108864", "files in /tmp and /workspace; 0 makes the whole file system read-only"),
    [CONFIG_WASI_ALLOWED_PATHS] = {
        .info = {.name = "wasi.allowed_paths", .environment = "SHANNON_WASI_ALLOWED_PATHS",
                 .type = CONFIG_LIST,
                 .description = "folders of the host that programs may read, at the same path"},
        .check = check_absolute},
    [CONFIG_WASI_ENV_VARS] = {
        .info = {.name = "wasi.env_vars", .environment = "SHANNON_WASI_ENV_VARS",
                 .type = CONFIG_MAP,
                 .description = "environment variables that every program sees"}},
    [CONFIG_WASI_INTERPRETER] = TEXT(
        "wasi.interpreter", "SHANNON_WASI_INTERPRETER", NULL, check_not_empty, "python-3.11",
        "name of the interpreter when a request names none"),
    [CONFIG_WASI_INTERPRETER_PATH] = TEXT(
        "wasi.interpreter_path", "SHANNON_WASI_INTERPRETER_PATH", "PYTHON_WASI_WASM_PATH", NULL,
        NULL, "its file, when it is not to be looked up by wasi.interpreter"),
    [CONFIG_AGENT_CORE_HOST] = TEXT(
        "agent_core.host", "SHANNON_AGENT_CORE_HOST", NULL, check_host, "127.0.0.1",
        "address that agent-core listens on"),
    [CONFIG_AGENT_CORE_PORT] = NUMBER(
        "agent_core.port", "SHANNON_AGENT_CORE_PORT", 0, 65535, "50051",
        "port that agent-core listens on; 0 takes a free one"),
    [CONFIG_AGENT_CORE_MAX_BODY_BYTES] = NUMBER(
        "agent_core.max_body_bytes", "SHANNON_AGENT_CORE_MAX_BODY_BYTES",
        1024, 1024 * MEBIBYTE, "16777216", "largest request body"),
    [CONFIG_AGENT_CORE_MAX_CODE_BYTES] = NUMBER(
        "agent_core.max_code_bytes", "SHANNON_AGENT_CORE_MAX_CODE_BYTES",
        1, 64 * MEBIBYTE, "1048576", "largest program"),
    [CONFIG_AGENT_CORE_OUTPUT_LIMIT_BYTES] = NUMBER(
        "agent_core.output_limit_bytes", "SHANNON_AGENT_CORE_OUTPUT_LIMIT_BYTES",
        1, 256 * MEBIBYTE, "1048576", "how much of stdout and of stderr is kept, each"),
    [CONFIG_AGENT_CORE_FILES_LIMIT_BYTES] = NUMBER(
        "agent_core.files_limit_bytes", "SHANNON_AGENT_CORE_FILES_LIMIT_BYTES",
        0, 64 * MEBIBYTE, "8388608",
        "contents of the files that an answer brings back; beyond it they are named only"),
    [CONFIG_AGENT_CORE_MAX_TIMEOUT_MS] = NUMBER(
        "agent_core.max_timeout_ms", "SHANNON_AGENT_CORE_MAX_TIMEOUT_MS", 1, 86400000, "300000",
        "largest timeout_ms of a request"),
    [CONFIG_AGENT_CORE_MAX_MEMORY_BYTES] = NUMBER(
        "agent_core.max_memory_bytes", "SHANNON_AGENT_CORE_MAX_MEMORY_BYTES",
        32 * MEBIBYTE, 4096LL * MEBIBYTE, "1073741824",
        "largest memory_limit_bytes of a request"),
    [CONFIG_AGENT_CORE_MAX_CONCURRENT] = NUMBER(
        "agent_core.max_concurrent", "SHANNON_AGENT_CORE_MAX_CONCURRENT", 1, 1024, NULL,
        "executions at the same time; by default twice the number of processors"),
    [CONFIG_AGENT_CORE_MAX_QUEUED] = NUMBER(
        "agent_core.max_queued", "SHANNON_AGENT_CORE_MAX_QUEUED", 0, 65536, "64",
        "executions that wait for their turn; further ones are answered busy"),
    [CONFIG_AGENT_CORE_MAX_SPARES] = NUMBER(
        "agent_core.max_spares", "SHANNON_AGENT_CORE_MAX_SPARES", 1, 1024, "16",
        "processes that wait for a request, at most, for each interpreter"),
    [CONFIG_SANDBOX_REQUIRE] = {
        .info = {.name = "sandbox.require", .environment = "SHANNON_SANDBOX_REQUIRE",
                 .type = CONFIG_LIST,
                 .description = "walls of the kernel without which agent-core does not start"},
        .check = check_not_empty},
    [CONFIG_SANDBOX_ZYGOTE_MAX_RUNS] = NUMBER(
        "sandbox.zygote_max_runs", "SHANNON_SANDBOX_ZYGOTE_MAX_RUNS", 0, 1000000000, "10000",
        "after so many an interpreter's process is replaced by a fresh one; 0: never"),
    [CONFIG_SESSIONS_DIRECTORY] = TEXT(
        "sessions.directory", "SHANNON_SESSIONS_DIRECTORY", NULL, check_absolute, NULL,
        "folder of saved sessions; by default shannon/sessions in $XDG_STATE_HOME or "
        "~/.local/state"),
    [CONFIG_SESSIONS_MAX_COUNT] = NUMBER(
        "sessions.max_count", "SHANNON_SESSIONS_MAX_COUNT", 0, 1000000, "1000",
        "sessions that there may be; 0: none"),
    [CONFIG_SESSIONS_MAX_LIVE] = NUMBER(
        "sessions.max_live", "SHANNON_SESSIONS_MAX_LIVE", 1, 100000, "256",
        "sessions that have a process of their own; of more, those that wait longest are without"),
    [CONFIG_SESSIONS_MAX_BYTES] = NUMBER(
        "sessions.max_bytes", "SHANNON_SESSIONS_MAX_BYTES",
        MEBIBYTE, 4096LL * MEBIBYTE, "268435456", "state of one session"),
    [CONFIG_SESSIONS_MAX_AGE_MS] = NUMBER(
        "sessions.max_age_ms", "SHANNON_SESSIONS_MAX_AGE_MS", 1000, 31536000000LL, "86400000",
        "a session that was not used for so long is deleted, in milliseconds"),
    [CONFIG_SESSIONS_IDLE_MS] = NUMBER(
        "sessions.idle_ms", "SHANNON_SESSIONS_IDLE_MS", 10, 86400000, "60000",
        "a session that was not used for so long is saved and its process ended, in milliseconds"),
    [CONFIG_LLM_HOST] = TEXT(
        "llm.host", "SHANNON_LLM_HOST", NULL, check_host, "127.0.0.1",
        "address that llm-service listens on"),
    [CONFIG_LLM_PORT] = NUMBER(
        "llm.port", "SHANNON_LLM_PORT", 0, 65535, "8000",
        "port that llm-service listens on; 0 takes a free one"),
    [CONFIG_LLM_AGENT_CORE_URL] = TEXT(
        "llm.agent_core_url", "SHANNON_LLM_AGENT_CORE_URL", NULL, check_url, NULL,
        "where llm-service finds agent-core; by default agent_core.host and agent_core.port"),
    [CONFIG_LLM_BASE_URL] = TEXT(
        "llm.base_url", "SHANNON_LLM_BASE_URL", "OPENAI_BASE_URL", check_url, NULL,
        "an OpenAI-compatible provider, such as https://host/v1; none: the built-in offline one"),
    [CONFIG_LLM_MODEL] = TEXT(
        "llm.model", "SHANNON_LLM_MODEL", "LLM_MODEL", NULL, NULL,
        "the model that the provider is asked for"),
    [CONFIG_LLM_API_KEY] = {
        .info = {.name = "llm.api_key", .environment = "SHANNON_LLM_API_KEY",
                 .alias = "OPENAI_API_KEY", .type = CONFIG_TEXT, .secret = true,
                 .description = "the provider's key; from the environment or .env only"},
        .check = check_header_value},
    [CONFIG_ORCHESTRATOR_HOST] = TEXT(
        "orchestrator.host", "SHANNON_ORCHESTRATOR_HOST", NULL, check_host, "127.0.0.1",
        "address that the orchestrator listens on"),
    [CONFIG_ORCHESTRATOR_PORT] = NUMBER(
        "orchestrator.port", "SHANNON_ORCHESTRATOR_PORT", 0, 65535, "8080",
        "port that the orchestrator listens on; 0 takes a free one"),
    [CONFIG_ORCHESTRATOR_LLM_SERVICE_URL] = TEXT(
        "orchestrator.llm_service_url", "SHANNON_ORCHESTRATOR_LLM_SERVICE_URL", NULL, check_url,
        NULL, "where the orchestrator finds llm-service; by default llm.host and llm.port"),
    [CONFIG_ORCHESTRATOR_DATABASE] = TEXT(
        "orchestrator.database", "SHANNON_ORCHESTRATOR_DATABASE", NULL, check_not_empty, NULL,
        "file of the tasks; by default shannon/tasks.db in $XDG_STATE_HOME or ~/.local/state"),
    [CONFIG_LOGGING_LEVEL] = CHOICE(
        "logging.level", "SHANNON_LOGGING_LEVEL", "debug|info|warning|error", "info",
        "least level of the lines that are logged"),
    [CONFIG_LOGGING_FORMAT] = CHOICE(
        "logging.format", "SHANNON_LOGGING_FORMAT", "text|json", "text", "form of the log lines"),
};
/* clang-format on */

const struct config_key_info *config_key_info(enum config_key key)
{
    return &config_keys[key].info;
}

int config_key_from_name(const char *name)
{
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        if (strcmp(config_keys[key].info.name, name) == 0)
            return key;
    }
    return -1;
}
