/* src/engine/wasm_module.c */
#include "engine/wasm_module.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Four types, two imports, a memory of 2 to 9 pages, a global, two functions and three data
 * segments (one passive, one empty). */
static const uint8_t good[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x14, 0x04, 0x60, 0x04, 0x7f, 0x7e, 0x7d,
    0x7c, 0x01, 0x7f, 0x60, 0x00, 0x00, 0x60, 0x01, 0x7f, 0x00, 0x60, 0x01, 0x7f, 0x00, 0x02, 0x43,
    0x02, 0x16, 0x77, 0x61, 0x73, 0x69, 0x5f, 0x73, 0x6e, 0x61, 0x70, 0x73, 0x68, 0x6f, 0x74, 0x5f,
    0x70, 0x72, 0x65, 0x76, 0x69, 0x65, 0x77, 0x31, 0x09, 0x70, 0x72, 0x6f, 0x63, 0x5f, 0x65, 0x78,
    0x69, 0x74, 0x00, 0x02, 0x16, 0x77, 0x61, 0x73, 0x69, 0x5f, 0x73, 0x6e, 0x61, 0x70, 0x73, 0x68,
    0x6f, 0x74, 0x5f, 0x70, 0x72, 0x65, 0x76, 0x69, 0x65, 0x77, 0x31, 0x05, 0x6f, 0x74, 0x68, 0x65,
    0x72, 0x00, 0x00, 0x03, 0x03, 0x02, 0x01, 0x03, 0x05, 0x04, 0x01, 0x01, 0x02, 0x09, 0x06, 0x06,
    0x01, 0x7f, 0x00, 0x41, 0x07, 0x0b, 0x07, 0x1d, 0x04, 0x06, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79,
    0x02, 0x00, 0x01, 0x67, 0x03, 0x00, 0x06, 0x5f, 0x73, 0x74, 0x61, 0x72, 0x74, 0x00, 0x02, 0x03,
    0x72, 0x75, 0x6e, 0x00, 0x03, 0x0a, 0x0b, 0x02, 0x06, 0x00, 0x41, 0x03, 0x10, 0x00, 0x0b, 0x02,
    0x00, 0x0b, 0x0b, 0x1b, 0x03, 0x00, 0x41, 0x08, 0x0b, 0x05, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x01,
    0x07, 0x70, 0x61, 0x73, 0x73, 0x69, 0x76, 0x65, 0x00, 0x41, 0xf0, 0xa2, 0x04, 0x0b, 0x00,
};

/* Reads a copy that is not one byte larger, so that a sanitizer sees any read beyond it. The module
 * must not be used after it. */
static int read_copy(const uint8_t *bytes, size_t size, struct error *error)
{
    struct wasm_module module;
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    *error = ERROR_NONE;
    int result = wasm_module_read(&module, copy, size, "module.wasm", error);
    /* Whatever was read can be looked at. */
    for (size_t i = 0; i < module.import_count && result == 0; i++)
        assert_true(module.imports[i].type < module.type_count);
    for (uint32_t i = 0; i < 20 && result == 0; i++)
        (void)wasm_module_function_type(&module, i);
    for (size_t i = 0; i < module.data_segment_count && result == 0; i++)
        assert_true(module.data_segments[i].bytes + module.data_segments[i].size <= copy + size);
    wasm_module_free(&module);
    free(copy);
    return result;
}

static void structure_is_read(void **state)
{
    struct wasm_module module;
    struct error error = ERROR_NONE;
    (void)state;
    assert_int_equal(wasm_module_read(&module, good, sizeof(good), "module.wasm", &error), 0);
    assert_int_equal(module.type_count, 4);
    assert_string_equal(module.types[0].parameters, "iIfF");
    assert_string_equal(module.types[0].results, "i");
    assert_string_equal(module.types[1].parameters, "");
    assert_int_equal(module.types[2].canonical, 2);
    assert_int_equal(module.types[3].canonical, 2);
    assert_int_equal(module.import_count, 2);
    assert_string_equal(module.imports[0].module, "wasi_snapshot_preview1");
    assert_string_equal(module.imports[0].name, "proc_exit");
    assert_int_equal(module.imports[1].type, 0);
    assert_int_equal(module.function_count, 2);
    assert_true(module.has_memory);
    assert_int_equal(module.memory_minimum_pages, 2);
    assert_int_equal(module.memory_maximum_pages, 9);
    assert_int_equal(module.data_segment_count, 3);
    assert_int_equal(module.data_segments[0].size, 5);
    assert_memory_equal(module.data_segments[0].bytes, "hello", 5);
    assert_memory_equal(module.data_segments[1].bytes, "passive", 7);
    assert_int_equal(module.data_segments[2].size, 0);
    const struct wasm_export *start = wasm_module_export(&module, "_start", 0);
    assert_non_null(start);
    assert_int_equal(start->index, 2);
    assert_ptr_equal(wasm_module_function_type(&module, start->index), &module.types[1]);
    assert_ptr_equal(wasm_module_function_type(&module, 1), &module.types[0]);
    assert_null(wasm_module_function_type(&module, 4));
    assert_null(wasm_module_function_type(&module, UINT32_MAX));
    assert_null(wasm_module_export(&module, "_start", 2));
    assert_null(wasm_module_export(&module, "_star", 0));
    assert_non_null(wasm_module_export(&module, "g", 3));
    wasm_module_free(&module);
}

static void every_truncation_is_refused(void **state)
{
    struct error error;
    (void)state;
    assert_int_equal(read_copy(good, sizeof(good), &error), 0);
    for (size_t size = 0; size < sizeof(good); size++) {
        int result = read_copy(good, size, &error);
        /* A file that ends between two sections is a whole one; the last, custom ones do not count.
         */
        if (result != 0) {
            assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
            assert_non_null(strstr(error.message, "module.wasm"));
        }
        assert_true(result != 0 || size > 100);
    }
}

static void bit_flips_do_no_harm(void **state)
{
    uint8_t bytes[sizeof(good)];
    struct error error;
    (void)state;
    memcpy(bytes, good, sizeof(good));
    for (size_t bit = 0; bit < sizeof(good) * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (read_copy(bytes, sizeof(bytes), &error) != 0)
            assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void random_changes_do_no_harm(void **state)
{
    uint8_t bytes[sizeof(good)];
    struct error error;
    uint32_t seed = 7;
    (void)state;
    for (int round = 0; round < 20000; round++) {
        memcpy(bytes, good, sizeof(good));
        for (int change = 0; change < 3; change++) {
            seed = seed * 1664525 + 1013904223;
            bytes[8 + (seed >> 8) % (sizeof(good) - 8)] = (uint8_t)(seed >> 24);
        }
        if (read_copy(bytes, sizeof(bytes), &error) != 0)
            assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    }
}

/* ---- single sections ---- */

#define HEADER 0, 'a', 's', 'm', 1, 0, 0, 0
#define MEMORY 5, 3, 1, 0, 1
#define EXPORT_MEMORY 7, 10, 1, 6, 'm', 'e', 'm', 'o', 'r', 'y', 2, 0

struct sample {
    const char *name;
    const uint8_t *bytes;
    size_t size;
    const char *words; /* of the message; NULL: it is accepted */
};

#define SAMPLE(NAME, WORDS, ...)                                                                   \
    {NAME, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), WORDS}

static const struct sample samples[] = {
    SAMPLE("least module", NULL, HEADER, MEMORY, EXPORT_MEMORY),
    SAMPLE("custom section", NULL, HEADER, 0, 3, 1, 'x', 9, MEMORY, EXPORT_MEMORY),
    SAMPLE("two custom sections", NULL, HEADER, 0, 1, 0, 0, 1, 0, MEMORY, EXPORT_MEMORY),
    SAMPLE("nothing", "not a WebAssembly module", 0),
    SAMPLE("text", "not a WebAssembly module", 'p', 'r', 'i', 'n', 't', '(', '1', ')'),
    SAMPLE("component", "component", 0, 'a', 's', 'm', 0x0d, 0, 1, 0),
    SAMPLE("header alone", "exports no memory", HEADER),
    SAMPLE("memory that is not exported", "exports no memory", HEADER, MEMORY),
    SAMPLE("export without a memory", "exports no memory", HEADER, EXPORT_MEMORY),
    SAMPLE("unknown section", "damaged", HEADER, 13, 0),
    SAMPLE("a section twice", "damaged", HEADER, MEMORY, MEMORY, EXPORT_MEMORY),
    SAMPLE("section beyond the file", "damaged", HEADER, 5, 4, 1, 0, 1),
    SAMPLE("section of 4 GiB", "damaged", HEADER, 5, 0xff, 0xff, 0xff, 0xff, 0x0f),
    SAMPLE("size that never ends", "damaged", HEADER, 5, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
           0x80, 0),
    SAMPLE("bytes after the section's content", "section 5", HEADER, 5, 4, 1, 0, 1, 0),
    SAMPLE("two memories", "section 5", HEADER, 5, 5, 2, 0, 1, 0, 1, EXPORT_MEMORY),
    SAMPLE("shared memory", "section 5", HEADER, 5, 4, 1, 3, 1, 2, EXPORT_MEMORY),
    SAMPLE("64-bit memory", "section 5", HEADER, 5, 3, 1, 4, 1, EXPORT_MEMORY),
    SAMPLE("memory above 4 GiB", "section 5", HEADER, 5, 5, 1, 0, 0x81, 0x80, 4, EXPORT_MEMORY),
    SAMPLE("more types than bytes", "section 1", HEADER, 1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f),
    SAMPLE("type that is no function", "section 1", HEADER, 1, 2, 1, 0x5f),
    SAMPLE("type of a value that does not exist", "section 1", HEADER, 1, 5, 1, 0x60, 1, 0x6e, 0),
    SAMPLE("import of a type that is not there", "section 2", HEADER, 2, 7, 1, 1, 'a', 1, 'b', 0,
           0),
    SAMPLE("import of a memory", "not a function", HEADER, 2, 8, 1, 1, 'a', 1, 'b', 2, 0, 1),
    SAMPLE("name with a zero byte", "section 7", HEADER, MEMORY, 7, 7, 1, 3, 'a', 0, 'b', 0, 0),
    SAMPLE("name that is no UTF-8", "section 7", HEADER, MEMORY, 7, 6, 1, 2, 'a', 0xc3, 0, 0),
    SAMPLE("name beyond its section", "section 7", HEADER, MEMORY, 7, 5, 1, 0x7f, 'a', 0, 0),
    SAMPLE("function of a type that is not there", "section 3", HEADER, 3, 2, 1, 0),
    SAMPLE("data beyond its section", "section 11", HEADER, MEMORY, EXPORT_MEMORY, 11, 6, 1, 0,
           0x41, 0, 0x0b, 0x7f),
    SAMPLE("data of an unknown mode", "section 11", HEADER, MEMORY, EXPORT_MEMORY, 11, 3, 1, 3, 0),
    SAMPLE("data whose offset is no constant", "section 11", HEADER, MEMORY, EXPORT_MEMORY, 11, 6,
           1, 0, 0x20, 0, 0x0b, 0),
};

static void each_sample_is_told_apart(void **state)
{
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        int result = read_copy(samples[i].bytes, samples[i].size, &error);
        if (samples[i].words == NULL
                ? result != 0
                : result == 0 || strstr(error.message, samples[i].words) == NULL)
            fail_msg("%s: %d, \"%s\"", samples[i].name, result, error.message);
    }
}

/* The globals of a module with a section of these bytes; UINT32_MAX when it is refused. */
static uint32_t variable_globals(const uint8_t *contents, size_t size)
{
    static const uint8_t front[] = {HEADER, MEMORY, 6};
    static const uint8_t back[] = {EXPORT_MEMORY};
    uint8_t bytes[256];
    struct wasm_module module;
    struct error error = ERROR_NONE;
    size_t at = sizeof(front);
    assert_true(size < 100);
    memcpy(bytes, front, sizeof(front));
    bytes[at++] = (uint8_t)size;
    memcpy(bytes + at, contents, size);
    memcpy(bytes + at + size, back, sizeof(back));
    at += size + sizeof(back);
    assert_int_equal(read_copy(bytes, at, &error),
                     wasm_module_read(&module, bytes, at, "module.wasm", &error));
    uint32_t count = error.kind == ERROR_OK ? module.variable_global_count : UINT32_MAX;
    wasm_module_free(&module);
    return count;
}

static void globals_that_can_change_are_counted(void **state)
{
    static const uint8_t none[] = {0};
    static const uint8_t constant[] = {1, 0x7f, 0, 0x41, 7, 0x0b};
    static const uint8_t variable[] = {1, 0x7f, 1, 0x41, 7, 0x0b};
    /* i32, i64 of ten bytes, f32, f64, funcref to null and to a function, and another global's. */
    static const uint8_t many[] = {
        7,    0x7f, 1,    0x41, 0xff, 0xff, 0xff, 0xff, 0x07, 0x0b, 0x7e, 1,    0x42, 0x80, 0x80,
        0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f, 0x0b, 0x7d, 0,    0x43, 1,    2,    3,
        0x0b, 0x0b, 0x7c, 1,    0x44, 1,    2,    3,    4,    5,    6,    7,    0x0b, 0x0b, 0x70,
        1,    0xd0, 0x70, 0x0b, 0x70, 0,    0xd2, 0,    0x0b, 0x7f, 1,    0x23, 0,    0x0b};
    (void)state;
    assert_int_equal(variable_globals(none, sizeof(none)), 0);
    assert_int_equal(variable_globals(constant, sizeof(constant)), 0);
    assert_int_equal(variable_globals(variable, sizeof(variable)), 1);
    assert_int_equal(variable_globals(many, sizeof(many)), 5);
    struct wasm_module module;
    struct error error = ERROR_NONE;
    assert_int_equal(wasm_module_read(&module, good, sizeof(good), "module.wasm", &error), 0);
    assert_int_equal(module.variable_global_count, 0);
    wasm_module_free(&module);
}

static void globals_that_are_none_are_refused(void **state)
{
    static const struct {
        size_t size;
        uint8_t bytes[8];
    } cases[] = {
        {1, {1}},                               /* one that is not there */
        {6, {1, 0x7f, 2, 0x41, 7, 0x0b}},       /* neither constant nor variable */
        {6, {1, 0x7f, 0xff, 0x41, 7, 0x0b}},    /* the same */
        {5, {1, 0x7f, 1, 0x41, 7}},             /* a first value without an end */
        {6, {1, 0x7f, 1, 0x20, 0, 0x0b}},       /* one that is no constant */
        {7, {1, 0x7f, 1, 0x41, 7, 0x0b, 0x0b}}, /* something behind it */
        {6, {2, 0x7f, 1, 0x41, 7, 0x0b}},       /* a second that is not there */
        {6, {1, 0x7f, 1, 0x43, 1, 0x0b}},       /* a number that is too short */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (variable_globals(cases[i].bytes, cases[i].size) != UINT32_MAX)
            fail_msg("case %zu is taken", i);
    }
}

/* A call through a table is checked by the canonical type alone. */
static void types_of_references_are_told_apart(void **state)
{
    static const uint8_t bytes[] = {
        HEADER, 1,    17, 4,    0x60, 1,    0x7b, 0,    0x60, 1,      0x70,
        0,      0x60, 1,  0x6f, 0,    0x60, 1,    0x70, 0,    MEMORY, EXPORT_MEMORY};
    static const uint32_t canonical[] = {0, 1, 2, 1};
    struct wasm_module module;
    struct error error = ERROR_NONE;
    (void)state;
    assert_int_equal(wasm_module_read(&module, bytes, sizeof(bytes), "module.wasm", &error), 0);
    assert_int_equal(module.type_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(module.types[i].canonical, canonical[i]);
    wasm_module_free(&module);
}

/* Refused at once instead of comparing for minutes. */
static void absurdly_many_types_are_refused(void **state)
{
    const size_t count = 30000;
    const size_t size = 8 + 1 + 3 + 3 + count * 4;
    uint8_t *bytes = malloc(size);
    struct error error;
    (void)state;
    assert_non_null(bytes);
    const uint8_t head[] = {HEADER, 1};
    memcpy(bytes, head, sizeof(head));
    const size_t content = 3 + count * 4;
    uint8_t *place = bytes + sizeof(head);
    const size_t numbers[] = {content, count};
    for (size_t i = 0; i < 2; i++) {
        *place++ = (uint8_t)(numbers[i] | 0x80);
        *place++ = (uint8_t)(numbers[i] >> 7 | 0x80);
        *place++ = (uint8_t)(numbers[i] >> 14);
    }
    for (size_t i = 0; i < count; i++) {
        const uint8_t type[] = {0x60, 1, 0x7f, 0};
        memcpy(place, type, sizeof(type));
        place += sizeof(type);
    }
    assert_int_equal(read_copy(bytes, size, &error), -1);
    assert_non_null(strstr(error.message, "section 1"));
    free(bytes);
}

static void names_are_shown_without_control_characters(void **state)
{
    char text[WASM_NAME_SHOWN];
    char longest[WASM_NAME_SHOWN + 8];
    (void)state;
    assert_string_equal(wasm_name_shown("plain \xc3\xa4", text), "plain \xc3\xa4");
    assert_string_equal(wasm_name_shown("\x1b[2J\n\x7f", text), "?[2J??");
    memset(longest, 'a', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    longest[WASM_NAME_SHOWN - 2] = '\xc3'; /* a character of two bytes across the cut */
    longest[WASM_NAME_SHOWN - 1] = '\xa4';
    assert_int_equal(strlen(wasm_name_shown(longest, text)), WASM_NAME_SHOWN - 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structure_is_read),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(bit_flips_do_no_harm),
        cmocka_unit_test(random_changes_do_no_harm),
        cmocka_unit_test(each_sample_is_told_apart),
        cmocka_unit_test(globals_that_can_change_are_counted),
        cmocka_unit_test(globals_that_are_none_are_refused),
        cmocka_unit_test(types_of_references_are_told_apart),
        cmocka_unit_test(absurdly_many_types_are_refused),
        cmocka_unit_test(names_are_shown_without_control_characters),
    };
    return cmocka_run_group_tests_name("wasm_module", tests, NULL, NULL);
}
