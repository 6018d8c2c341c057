/* src/base/config*.c: every source in a folder of its own, which is the working directory. */
#include "base/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/shannon-config-XXXXXX";

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

/* The tests decide on the whole environment. */
static int begin(void **state)
{
    (void)state;
    /* cmocka looks at its own variable again and again. */
    static char output[16];
    const char *set = getenv("CMOCKA_MESSAGE_OUTPUT");
    (void)snprintf(output, sizeof(output), "%s", set == NULL ? "" : set);
    (void)clearenv();
    if (output[0] != '\0')
        (void)setenv("CMOCKA_MESSAGE_OUTPUT", output, 1);
    (void)setenv("HOME", "/home/somebody", 1);
    (void)unlink("config/shannon.yaml");
    (void)unlink(".env");
    return 0;
}

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL || chdir(folder) != 0 || mkdir("config", 0700) != 0;
}

static int leave_folder(void **state)
{
    (void)begin(state);
    return rmdir("config") != 0 || chdir("/") != 0 || rmdir(folder) != 0;
}

static struct config *load(const char *yaml, const char *dotenv)
{
    if (yaml != NULL)
        write_file("config/shannon.yaml", yaml);
    if (dotenv != NULL)
        write_file(".env", dotenv);
    struct error error = ERROR_NONE;
    struct config *config = config_load(NULL, &error);
    if (config == NULL)
        fail_msg("%s", error.message);
    return config;
}

static void check_refused(const char *yaml, const char *dotenv, const char *expected)
{
    if (yaml != NULL)
        write_file("config/shannon.yaml", yaml);
    if (dotenv != NULL)
        write_file(".env", dotenv);
    struct error error = ERROR_NONE;
    assert_null(config_load(NULL, &error));
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    if (strstr(error.message, expected) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", expected, error.message);
}

static void check_origin(const struct config *config, enum config_key key, const char *expected)
{
    BUFFER_LOCAL struct buffer origin = BUFFER_EMPTY;
    assert_int_equal(config_describe_origin(config, key, &origin), 0);
    assert_string_equal(buffer_text(&origin), expected);
}

static void defaults_without_any_source(void **state)
{
    (void)state;
    const char *const *items;
    struct config *config = load(NULL, NULL);
    assert_int_equal(config_number(config, CONFIG_WASI_EXECUTION_TIMEOUT_MS), 30000);
    assert_int_equal(config_number(config, CONFIG_WASI_MEMORY_LIMIT_BYTES), 268435456);
    assert_int_equal(config_items(config, CONFIG_WASI_ALLOWED_PATHS, &items), 0);
    assert_int_equal(config_items(config, CONFIG_WASI_ENV_VARS, &items), 0);
    assert_string_equal(config_text(config, CONFIG_WASI_INTERPRETER), "python-3.11");
    assert_string_equal(config_text(config, CONFIG_WASI_INTERPRETER_PATH), "");
    assert_string_equal(config_text(config, CONFIG_AGENT_CORE_HOST), "127.0.0.1");
    assert_int_equal(config_number(config, CONFIG_AGENT_CORE_PORT), 50051);
    assert_int_equal(config_number(config, CONFIG_LLM_PORT), 8000);
    assert_int_equal(config_number(config, CONFIG_ORCHESTRATOR_PORT), 8080);
    assert_string_equal(config_text(config, CONFIG_LLM_AGENT_CORE_URL), "http://127.0.0.1:50051");
    assert_string_equal(config_text(config, CONFIG_ORCHESTRATOR_LLM_SERVICE_URL),
                        "http://127.0.0.1:8000");
    assert_string_equal(config_text(config, CONFIG_ORCHESTRATOR_DATABASE),
                        "/home/somebody/.local/state/shannon/tasks.db");
    assert_in_range(config_number(config, CONFIG_AGENT_CORE_MAX_CONCURRENT), 2, 1024);
    check_origin(config, CONFIG_LLM_PORT, "default");
    config_free(config);
}

static void each_source_counts_more_than_the_one_before(void **state)
{
    (void)state;
    static const enum config_key key = CONFIG_WASI_EXECUTION_TIMEOUT_MS;
    struct config *config = load("wasi:\n  execution_timeout_ms: 2\n", NULL);
    assert_int_equal(config_number(config, key), 2);
    check_origin(config, key, "config/shannon.yaml:2");
    config_free(config);

    config = load(NULL, "# limits\n\nSHANNON_WASI_EXECUTION_TIMEOUT_MS=3\n");
    assert_int_equal(config_number(config, key), 3);
    check_origin(config, key, ".env:3");
    config_free(config);

    (void)setenv("SHANNON_WASI_EXECUTION_TIMEOUT_MS", "4", 1);
    config = load(NULL, NULL);
    assert_int_equal(config_number(config, key), 4);
    check_origin(config, key, "environment SHANNON_WASI_EXECUTION_TIMEOUT_MS");

    struct error error = ERROR_NONE;
    assert_int_equal(config_set(config, key, "5", "--timeout", &error), 0);
    assert_int_equal(config_number(config, key), 5);
    check_origin(config, key, "flag --timeout");

    assert_int_equal(config_set(config, key, "soon", "--timeout", &error), -1);
    assert_non_null(strstr(error.message, "--timeout: wasi.execution_timeout_ms: must be a whole"));
    assert_int_equal(config_number(config, key), 5);
    config_free(config);
}

static void customary_names_count_less_than_own_names_in_the_same_place(void **state)
{
    (void)state;
    struct config *config = load(NULL, "SHANNON_LLM_MODEL=own\nLLM_MODEL=customary\n");
    assert_string_equal(config_text(config, CONFIG_LLM_MODEL), "own");
    config_free(config);

    (void)setenv("LLM_MODEL", "from-environment", 1);
    (void)setenv("PYTHON_WASI_WASM_PATH", "/opt/x.wasm", 1);
    (void)setenv("OPENAI_BASE_URL", "https://provider.example/v1", 1);
    config = load(NULL, NULL);
    assert_string_equal(config_text(config, CONFIG_LLM_MODEL), "from-environment");
    assert_string_equal(config_text(config, CONFIG_WASI_INTERPRETER_PATH), "/opt/x.wasm");
    assert_string_equal(config_text(config, CONFIG_LLM_BASE_URL), "https://provider.example/v1");
    check_origin(config, CONFIG_LLM_MODEL, "environment LLM_MODEL");
    config_free(config);
}

static void an_empty_variable_is_not_set(void **state)
{
    (void)state;
    (void)setenv("OPENAI_BASE_URL", "", 1);
    (void)setenv("SHANNON_LLM_PORT", "", 1);
    struct config *config = load(NULL, "LLM_MODEL=\n");
    assert_string_equal(config_text(config, CONFIG_LLM_BASE_URL), "");
    assert_int_equal(config_number(config, CONFIG_LLM_PORT), 8000);
    check_origin(config, CONFIG_LLM_MODEL, "default");
    config_free(config);
}

static void lists_and_maps_in_file_and_environment(void **state)
{
    (void)state;
    const char *const *items;
    struct config *config = load("wasi:\n"
                                 "  allowed_paths:\n"
                                 "    - /data\n"
                                 "    - \"/srv/more data\"\n"
                                 "  env_vars:\n"
                                 "    TZ: UTC\n"
                                 "    DEBUG: 1\n"
                                 "    EMPTY: \"\"\n",
                                 NULL);
    assert_int_equal(config_items(config, CONFIG_WASI_ALLOWED_PATHS, &items), 2);
    assert_string_equal(items[0], "/data");
    assert_string_equal(items[1], "/srv/more data");
    assert_int_equal(config_items(config, CONFIG_WASI_ENV_VARS, &items), 3);
    assert_string_equal(items[0], "TZ=UTC");
    assert_string_equal(items[1], "DEBUG=1");
    assert_string_equal(items[2], "EMPTY=");
    config_free(config);

    (void)setenv("SHANNON_WASI_ALLOWED_PATHS", "[/one]", 1);
    (void)setenv("SHANNON_WASI_ENV_VARS", "{A: \"x=y, z\"}", 1);
    config = load(NULL, NULL);
    assert_int_equal(config_items(config, CONFIG_WASI_ALLOWED_PATHS, &items), 1);
    assert_string_equal(items[0], "/one");
    assert_int_equal(config_items(config, CONFIG_WASI_ENV_VARS, &items), 1);
    assert_string_equal(items[0], "A=x=y, z");
    BUFFER_LOCAL struct buffer shown = BUFFER_EMPTY;
    assert_int_equal(config_describe(config, CONFIG_WASI_ENV_VARS, &shown), 0);
    assert_string_equal(buffer_text(&shown), "{A: \"x=y, z\"}");
    config_free(config);
}

static void nothing_said_is_an_empty_list(void **state)
{
    (void)state;
    const char *const *items;
    struct config *config = load("wasi:\n  allowed_paths:\nlogging:\n", NULL);
    assert_int_equal(config_items(config, CONFIG_WASI_ALLOWED_PATHS, &items), 0);
    config_free(config);
}

static void mistakes_in_the_file_name_file_line_and_key(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        const char *expected;
    } cases[] = {
        {"wasi:\n  execution_timeout: 5\n",
         "config/shannon.yaml:2: unknown key wasi.execution_timeout; the keys of this section are "
         "execution_timeout_ms, memory_limit_bytes"},
        {"wasm:\n  interpreter: x\n", "config/shannon.yaml:2: unknown key wasm.interpreter; the "
                                      "sections are wasi, agent_core"},
        {"\nwasi: 5\n", "config/shannon.yaml:2: wasi: must be a section"},
        {"wasi:\n  execution_timeout_ms: soon\n",
         "config/shannon.yaml:2: wasi.execution_timeout_ms: must be a whole number from 1 to "
         "86400000, not \"soon\""},
        {"wasi:\n  execution_timeout_ms: \"30000\"\n", "shannon.yaml:2: wasi.execution_timeout_ms"},
        {"wasi:\n  execution_timeout_ms: 1.5\n", "shannon.yaml:2: wasi.execution_timeout_ms"},
        {"wasi:\n  execution_timeout_ms: -1\n", "shannon.yaml:2: wasi.execution_timeout_ms"},
        {"wasi:\n  execution_timeout_ms: 0\n", "shannon.yaml:2: wasi.execution_timeout_ms"},
        {"wasi:\n  execution_timeout_ms: true\n", "shannon.yaml:2: wasi.execution_timeout_ms"},
        {"wasi:\n  execution_timeout_ms:\n",
         "wasi.execution_timeout_ms: must be a whole number from 1 to 86400000, not nothing"},
        {"wasi:\n  execution_timeout_ms: [1]\n", "not a list"},
        {"wasi:\n  memory_limit_bytes: 99999999999999999999\n",
         "shannon.yaml:2: wasi.memory_limit_bytes"},
        {"wasi:\n  memory_limit_bytes: 1024\n", "from 33554432 to 4294967296, not \"1024\""},
        {"wasi:\n  interpreter: x\n  allowed_paths: /data\n",
         "config/shannon.yaml:3: wasi.allowed_paths: must be a list"},
        {"wasi:\n  allowed_paths: [data]\n",
         "shannon.yaml:2: wasi.allowed_paths: \"data\" must be an absolute path"},
        {"wasi:\n  allowed_paths: [[/a]]\n", "each item of the list must be a text"},
        {"wasi:\n  env_vars: [A]\n", "shannon.yaml:2: wasi.env_vars: must be a map"},
        {"wasi:\n  env_vars: {A: {B: C}}\n", "config/shannon.yaml:2: wasi.env_vars: each value"},
        {"wasi:\n  env_vars: {A=B: C}\n", "a name in the map must not be empty or hold '='"},
        {"wasi:\n  env_vars: {A: 1, A: 2}\n", "A is given twice"},
        {"wasi:\n  interpreter: 3.11\n", "shannon.yaml:2: wasi.interpreter: must be a text"},
        {"wasi:\n  interpreter: {}\n", "shannon.yaml:2: wasi.interpreter: must be a text"},
        {"wasi:\n  interpreter: a\n  interpreter: b\n",
         "config/shannon.yaml:3: wasi.interpreter: given twice, first in line 2"},
        {"llm:\n  api_key: secret\n", "shannon.yaml:2: llm.api_key: a secret has no place in a "
                                      "file that is shared; set OPENAI_API_KEY"},
        {"llm:\n  base_url: ftp://x\n", "llm.base_url: must be a URL"},
        {"llm:\n  port: 65536\n", "llm.port: must be a whole number from 0 to 65535"},
        {"llm:\n  host: \"a b\"\n", "llm.host: must be a host name"},
        {"logging:\n  level: loud\n",
         "logging.level: must be one of debug|info|warning|error, not \"loud\""},
        {"- a\n", "config/shannon.yaml:1: must be sections of keys"},
        {"text\n", "config/shannon.yaml:1: must be sections of keys"},
        {"wasi: &a\n  interpreter: x\n", "config/shannon.yaml:1: anchors and aliases"},
        {"wasi:\n  interpreter: *a\n", "anchors and aliases"},
        {"wasi:\n  interpreter: !!str x\n",
         "config/shannon.yaml:2: wasi.interpreter: tags are not accepted"},
        {"wasi:\n  interpreter: x\n---\nllm:\n", "only one document"},
        {"wasi:\n interpreter: x\n  port: y\n", "config/shannon.yaml:3: not valid YAML"},
        {"wasi:\n\tinterpreter: x\n", "config/shannon.yaml:2: not valid YAML"},
        {"wasi:\n  interpreter: \"\\0\"\n", "NUL"},
        {"\xff\xfe", "not YAML text"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check_refused(cases[i].yaml, NULL, cases[i].expected);
}

static void mistakes_in_dotenv_name_file_and_line_but_no_value(void **state)
{
    (void)state;
    static const struct {
        const char *dotenv;
        const char *expected;
    } cases[] = {
        {"A=1\nB\n", ".env:2: expected NAME=VALUE"},
        {"=x\n", ".env:1: expected NAME=VALUE"},
        {"1A=x\n", ".env:1: expected NAME=VALUE"},
        {"OPENAI_API_KEY=\"hush\n", ".env:1: the closing quote is missing"},
        {"OPENAI_API_KEY=\"hush\" x\n", ".env:1: text after the closing quote"},
        {"OPENAI_API_KEY=\"hush\\q\"\n", ".env:1: unknown escape"},
        {"OPENAI_API_KEY=\"hush\\nhush\"\n",
         ".env:1: OPENAI_API_KEY: llm.api_key: must consist of visible ASCII"},
        {"A=\xff\n", ".env:1: not UTF-8 text"},
        {"\nSHANNON_LLM_PORT=x\n", ".env:2: SHANNON_LLM_PORT: llm.port: must be a whole number"},
        {"SHANNON_WASI_TIMEOUT=5\n", ".env:1: unknown variable SHANNON_WASI_TIMEOUT"},
        {"SHANNON_WASI_ALLOWED_PATHS=/data\n", "wasi.allowed_paths: must be a list"},
        {"SHANNON_WASI_ALLOWED_PATHS=[/data\n", "wasi.allowed_paths: not valid YAML"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        check_refused(NULL, cases[i].dotenv, cases[i].expected);
        struct error error = ERROR_NONE;
        assert_null(config_load(NULL, &error));
        assert_null(strstr(error.message, "hush"));
    }
}

static void dotenv_forms(void **state)
{
    (void)state;
    struct config *config = load(NULL, "\xef\xbb\xbf# a comment\r\n"
                                       "export LLM_MODEL = some model # not this \r\n"
                                       "OPENAI_BASE_URL='http://x/#$HOME'\r\n"
                                       "OPENAI_API_KEY=\"a\\\"b\\\\c\\$d\" # yes\n"
                                       "SOMEBODY_ELSES=whatever\n"
                                       "SHANNON_LLM_HOST=one\n"
                                       "SHANNON_LLM_HOST=two");
    assert_string_equal(config_text(config, CONFIG_LLM_MODEL), "some model");
    assert_string_equal(config_text(config, CONFIG_LLM_BASE_URL), "http://x/#$HOME");
    assert_string_equal(config_text(config, CONFIG_LLM_API_KEY), "a\"b\\c$d");
    assert_string_equal(config_text(config, CONFIG_LLM_HOST), "two");
    config_free(config);
}

static void mistakes_in_the_environment_name_the_variable(void **state)
{
    (void)state;
    (void)setenv("SHANNON_LLM_PORT", "8000x", 1);
    check_refused(NULL, NULL, "environment variable SHANNON_LLM_PORT: llm.port: must be");
    (void)unsetenv("SHANNON_LLM_PORT");
    (void)setenv("SHANNON_AGENT_CORE_MAX_CODE", "1", 1);
    check_refused(NULL, NULL, "unknown variable SHANNON_AGENT_CORE_MAX_CODE");
    (void)unsetenv("SHANNON_AGENT_CORE_MAX_CODE");
    (void)setenv("SHANNON_API_KEY", "of another program", 1);
    config_free(load(NULL, NULL));
}

static void a_named_file_must_exist(void **state)
{
    (void)state;
    write_file("other.yaml", "llm:\n  model: other\n");
    struct error error = ERROR_NONE;
    struct config *config = config_load("other.yaml", &error);
    assert_non_null(config);
    assert_string_equal(config_text(config, CONFIG_LLM_MODEL), "other");
    config_free(config);
    (void)setenv("SHANNON_CONFIG", "other.yaml", 1);
    config = load(NULL, NULL);
    assert_string_equal(config_text(config, CONFIG_LLM_MODEL), "other");
    config_free(config);
    (void)unlink("other.yaml");
    assert_null(config_load(NULL, &error));
    assert_non_null(strstr(error.message, "cannot open other.yaml: No such file"));
    error = ERROR_NONE;
    assert_null(config_load(".", &error));
    assert_non_null(strstr(error.message, "cannot read .: Is a directory"));
}

static void a_file_that_is_too_large_is_refused(void **state)
{
    (void)state;
    size_t size = (1 << 20) + 10;
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, '#', size);
    text[size] = '\0';
    check_refused(text, NULL, "larger than 1048576 bytes");
    (void)unlink("config/shannon.yaml");
    check_refused(NULL, text, ".env: larger than 1048576 bytes");
    free(text);
}

static void urls_follow_host_and_port_unless_set(void **state)
{
    (void)state;
    struct config *config =
        load("agent_core:\n  host: \"::\"\n  port: 5\nllm:\n  host: 0.0.0.0\n", NULL);
    assert_string_equal(config_text(config, CONFIG_LLM_AGENT_CORE_URL), "http://[::1]:5");
    assert_string_equal(config_text(config, CONFIG_ORCHESTRATOR_LLM_SERVICE_URL),
                        "http://127.0.0.1:8000");
    struct error error = ERROR_NONE;
    assert_int_equal(config_set(config, CONFIG_LLM_PORT, "6", "--port", &error), 0);
    assert_string_equal(config_text(config, CONFIG_ORCHESTRATOR_LLM_SERVICE_URL),
                        "http://127.0.0.1:6");
    assert_int_equal(
        config_set(config, CONFIG_LLM_AGENT_CORE_URL, "http://agent-core:1", "--url", &error), 0);
    assert_string_equal(config_text(config, CONFIG_LLM_AGENT_CORE_URL), "http://agent-core:1");
    config_free(config);
}

static void secrets_are_not_shown_and_can_be_forgotten(void **state)
{
    (void)state;
    (void)setenv("OPENAI_API_KEY", "sk-secret", 1);
    struct config *config = load(NULL, NULL);
    assert_string_equal(config_text(config, CONFIG_LLM_API_KEY), "sk-secret");
    BUFFER_LOCAL struct buffer shown = BUFFER_EMPTY;
    assert_int_equal(config_describe(config, CONFIG_LLM_API_KEY, &shown), 0);
    assert_string_equal(buffer_text(&shown), "***");
    config_forget_secrets(config);
    assert_string_equal(config_text(config, CONFIG_LLM_API_KEY), "");
    assert_null(getenv("OPENAI_API_KEY"));
    config_free(config);
}

static void the_table_is_consistent(void **state)
{
    (void)state;
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        const struct config_key_info *info = config_key_info((enum config_key)key);
        assert_non_null(info->name);
        assert_non_null(info->description);
        assert_int_equal(config_key_from_name(info->name), key);
        char expected[100];
        (void)snprintf(expected, sizeof(expected), "SHANNON_%s", info->name);
        for (char *p = expected + 8; *p != '\0'; p++)
            *p = *p == '.' ? '_' : (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
        assert_string_equal(info->environment, expected);
    }
    assert_int_equal(config_key_from_name("wasi.nothing"), -1);
}

int main(void)
{
#define CASE(NAME) cmocka_unit_test_setup(NAME, begin)
    const struct CMUnitTest tests[] = {
        CASE(defaults_without_any_source),
        CASE(each_source_counts_more_than_the_one_before),
        CASE(customary_names_count_less_than_own_names_in_the_same_place),
        CASE(an_empty_variable_is_not_set),
        CASE(lists_and_maps_in_file_and_environment),
        CASE(nothing_said_is_an_empty_list),
        CASE(mistakes_in_the_file_name_file_line_and_key),
        CASE(mistakes_in_dotenv_name_file_and_line_but_no_value),
        CASE(dotenv_forms),
        CASE(mistakes_in_the_environment_name_the_variable),
        CASE(a_named_file_must_exist),
        CASE(a_file_that_is_too_large_is_refused),
        CASE(urls_follow_host_and_port_unless_set),
        CASE(secrets_are_not_shown_and_can_be_forgotten),
        CASE(the_table_is_consistent),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
