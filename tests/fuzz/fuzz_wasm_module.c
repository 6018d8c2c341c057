/* libFuzzer target: any bytes as a WebAssembly module. What is accepted must hold together, and
 * what is refused must say why.
 *
 *     build-fuzz/tests/fuzz/fuzz_wasm_module -max_total_time=600 CORPUS
 * tests/fuzz/corpus/wasm_module
 */
#include "base/text.h"
#include "engine/wasm_module.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_accepted(const struct wasm_module *module, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < module->type_count; i++) {
        require(strspn(module->types[i].parameters, "iIfFVre") ==
                strlen(module->types[i].parameters));
        require(module->types[i].canonical <= i);
    }
    for (size_t i = 0; i < module->import_count; i++)
        require(module->imports[i].type < module->type_count);
    for (size_t i = 0; i < module->function_count; i++)
        require(module->functions[i] < module->type_count);
    for (size_t i = 0; i < module->export_count; i++) {
        const char *name = module->exports[i].name;
        char shown[WASM_NAME_SHOWN];
        require(text_valid_utf8(name, strlen(name)) == strlen(name));
        require(wasm_module_export(module, name, module->exports[i].kind) != NULL);
        require(strlen(wasm_name_shown(name, shown)) < WASM_NAME_SHOWN);
        (void)wasm_module_function_type(module, module->exports[i].index);
    }
    for (size_t i = 0; i < module->data_segment_count; i++) {
        const struct wasm_data_segment *segment = &module->data_segments[i];
        require(segment->bytes >= data && segment->size <= (size_t)(data + size - segment->bytes));
    }
    require(module->has_memory && module->memory_minimum_pages <= 65536 &&
            module->memory_maximum_pages <= 65536);
    require(wasm_module_export(module, "memory", 2) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wasm_module module;
    struct error error = ERROR_NONE;
    if (wasm_module_read(&module, data, size, "fuzzed", &error) == 0) {
        require(error.kind == ERROR_OK);
        check_accepted(&module, data, size);
    } else {
        require(error.kind == ERROR_INVALID_REQUEST && strstr(error.message, "fuzzed") != NULL);
        require(text_valid_utf8(error.message, strlen(error.message)) == strlen(error.message));
    }
    wasm_module_free(&module);
    return 0;
}
