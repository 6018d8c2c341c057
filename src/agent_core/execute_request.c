/* The body of POST /v1/execute. Invariant: what leaves here is within every limit of the
 * configuration. */
#include "agent_core/execute_request.h"

#include "agent_core/session_record.h"

#include "base/json_fields.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define ARGUMENT_MAXIMUM 1024
#define VARIABLE_MAXIMUM 1024
#define INTERPRETER_NAME_MAXIMUM 64

/* sys.argv[0] and the file in tracebacks. */
static const char program_name[] = "main.py";

static int64_t larger_of(const struct config *config, enum config_key maximum,
                         enum config_key usual)
{
    uint64_t most = config_number(config, maximum);
    uint64_t most_usual = config_number(config, usual);
    return (int64_t)(most > most_usual ? most : most_usual);
}

/* A name only: a path from a request would say which files of the host exist. */
static int check_interpreter(const struct json_field_text *name, struct json_fault *fault)
{
    if (name->bytes == NULL)
        return 0;
    bool is_file = name->size > 5 && strcmp(name->bytes + name->size - 5, ".wasm") == 0;
    if (is_file || name->bytes[0] == '.' ||
        !text_is_identifier(name->bytes, INTERPRETER_NAME_MAXIMUM))
        return json_fault_set(fault, "interpreter",
                              "interpreter must be the name of an installed interpreter, such as "
                              "\"python-3.11\", without path and \".wasm\"");
    return 0;
}

static int check_session(const struct json_field_text *id, struct json_fault *fault)
{
    if (id->bytes == NULL || session_id_is_valid(id->bytes))
        return 0;
    return json_fault_set(fault, "session_id",
                          "session_id must be 1 to 128 characters of A-Z, a-z, 0-9, \":\", \"_\", "
                          "\".\" and \"-\"");
}

static int out_of_memory(struct json_fault *fault)
{
    return error_set(&fault->error, ERROR_INTERNAL, "out of memory");
}

/* sys.argv: the program's name, then the request's argv. */
static int take_arguments(struct execute_request *execute, const json_t *list,
                          struct json_fault *fault)
{
    size_t count = json_array_size(list);
    execute->arguments = calloc(count + 1, sizeof(*execute->arguments));
    if (execute->arguments == NULL)
        return out_of_memory(fault);
    execute->arguments[0] = program_name;
    for (size_t i = 0; i < count; i++)
        execute->arguments[i + 1] = json_string_value(json_array_get(list, i));
    execute->request.arguments = execute->arguments;
    execute->request.argument_count = count + 1;
    return 0;
}

static int take_variables(struct execute_request *execute, const json_t *map,
                          struct json_fault *fault)
{
    execute->variables = calloc(json_object_size(map) + 1, sizeof(*execute->variables));
    if (execute->variables == NULL)
        return out_of_memory(fault);
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)map, name, value)
    {
        struct buffer variable = BUFFER_EMPTY;
        if (buffer_append_format(&variable, "%s=%s", name, json_string_value(value)) != 0)
            return out_of_memory(fault);
        execute->variables[execute->request.variable_count++] = variable.data;
    }
    execute->request.variables = (const char *const *)execute->variables;
    return 0;
}

int execute_request_read(struct execute_request *execute, json_t *body, const struct config *config,
                         struct json_fault *fault)
{
    *execute = (struct execute_request){.body = body};
    struct json_field_text code = {0};
    struct json_field_text interpreter = {0};
    struct json_field_text session = {0};
    struct json_field_text standard_input = {0};
    const json_t *arguments = NULL;
    const json_t *variables = NULL;
    const json_t *files = NULL;
    int64_t timeout_ms = (int64_t)config_number(config, CONFIG_WASI_EXECUTION_TIMEOUT_MS);
    int64_t cpu_limit_ms = (int64_t)config_number(config, CONFIG_WASI_CPU_LIMIT_MS);
    int64_t memory = (int64_t)config_number(config, CONFIG_WASI_MEMORY_LIMIT_BYTES);
    const struct json_field fields[] = {
        {"code", JSON_FIELD_TEXT, .required = true, .minimum = 1,
         .maximum = (int64_t)config_number(config, CONFIG_AGENT_CORE_MAX_CODE_BYTES),
         .text = &code},
        {"interpreter", JSON_FIELD_TEXT, .text = &interpreter},
        {"argv", JSON_FIELD_TEXT_LIST, .maximum = ARGUMENT_MAXIMUM, .value = &arguments},
        {"stdin", JSON_FIELD_BYTES, .text = &standard_input},
        {"env", JSON_FIELD_TEXT_MAP, .maximum = VARIABLE_MAXIMUM, .value = &variables},
        {"timeout_ms", JSON_FIELD_INTEGER, .minimum = 1,
         .maximum =
             larger_of(config, CONFIG_AGENT_CORE_MAX_TIMEOUT_MS, CONFIG_WASI_EXECUTION_TIMEOUT_MS),
         .integer = &timeout_ms},
        {"cpu_limit_ms", JSON_FIELD_INTEGER, .minimum = 0,
         .maximum = larger_of(config, CONFIG_AGENT_CORE_MAX_TIMEOUT_MS, CONFIG_WASI_CPU_LIMIT_MS),
         .integer = &cpu_limit_ms},
        {"memory_limit_bytes", JSON_FIELD_INTEGER, .minimum = EXECUTE_MEMORY_MINIMUM,
         .maximum =
             larger_of(config, CONFIG_AGENT_CORE_MAX_MEMORY_BYTES, CONFIG_WASI_MEMORY_LIMIT_BYTES),
         .integer = &memory},
        {"files", JSON_FIELD_ANY, .value = &files},
        {"session_id", JSON_FIELD_TEXT, .text = &session},
    };
    if (json_fields_read(body, fields, sizeof(fields) / sizeof(*fields), fault) != 0 ||
        check_interpreter(&interpreter, fault) != 0 || check_session(&session, fault) != 0 ||
        take_arguments(execute, arguments, fault) != 0 ||
        (variables != NULL && take_variables(execute, variables, fault) != 0) ||
        request_files_read(&execute->files, files, fault) != 0)
        return -1;
    execute->interpreter = interpreter.bytes;
    execute->session = session.bytes;
    execute->request.code = code.bytes;
    execute->request.code_size = code.size;
    execute->request.filename = program_name;
    execute->request.stdin_bytes = standard_input.bytes == NULL ? "" : standard_input.bytes;
    execute->request.stdin_size = standard_input.size;
    execute->request.files = execute->files.files;
    execute->request.file_count = execute->files.count;
    execute->request.timeout_ms = (uint32_t)timeout_ms;
    execute->request.processor_limit_ms = (uint32_t)cpu_limit_ms;
    execute->request.scratch_limit_bytes = config_number(config, CONFIG_WASI_SCRATCH_LIMIT_BYTES);
    execute->request.files_limit_bytes =
        (size_t)config_number(config, CONFIG_AGENT_CORE_FILES_LIMIT_BYTES);
    execute->request.memory_limit_bytes = (uint64_t)memory;
    execute->request.output_limit_bytes =
        (size_t)config_number(config, CONFIG_AGENT_CORE_OUTPUT_LIMIT_BYTES);
    return 0;
}

void execute_request_free(struct execute_request *execute)
{
    for (size_t i = 0; execute->variables != NULL && execute->variables[i] != NULL; i++)
        free(execute->variables[i]);
    free(execute->variables);
    free(execute->arguments);
    request_files_free(&execute->files);
    json_decref(execute->body);
    *execute = (struct execute_request){0};
}
