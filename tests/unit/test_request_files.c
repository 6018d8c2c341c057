/* src/agent_core/request_files.c */
#include "agent_core/request_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Reads JSON text; `value` gets what was parsed, which the files belong to. */
static int read_text(const char *text, json_t **value, struct request_files *files,
                     struct json_fault *fault)
{
    *fault = JSON_FAULT_NONE;
    *value = json_text_parse(text, strlen(text), fault);
    assert_non_null(*value);
    return request_files_read(files, *value, fault);
}

/* Asserts that `text` is read as `count` files with these paths and contents, in any order. */
static void expect(const char *text, size_t count, const char *const *paths,
                   const char *const *contents)
{
    struct request_files files;
    struct json_fault fault;
    json_t *value;
    if (read_text(text, &value, &files, &fault) != 0)
        fail_msg("%s: %s", text, fault.error.message);
    assert_int_equal(files.count, count);
    for (size_t i = 0; i < count; i++) {
        size_t found = 0;
        while (found < count && (files.files[found].path_size != strlen(paths[i]) ||
                                 memcmp(files.files[found].path, paths[i], strlen(paths[i])) != 0))
            found++;
        if (found == count)
            fail_msg("%s: there is no %s", text, paths[i]);
        assert_int_equal(files.files[found].size, strlen(contents[i]));
        assert_memory_equal(files.files[found].bytes, contents[i], strlen(contents[i]));
    }
    request_files_free(&files);
    json_decref(value);
}

static void expect_fault(const char *text, const char *words)
{
    struct request_files files;
    struct json_fault fault;
    json_t *value;
    if (read_text(text, &value, &files, &fault) != -1)
        fail_msg("%s is taken", text);
    if (fault.error.kind != ERROR_INVALID_REQUEST || strcmp(fault.field, "files") != 0 ||
        strstr(fault.error.message, words) == NULL)
        fail_msg("%s: %s: %s", text, fault.field, fault.error.message);
    request_files_free(&files);
    json_decref(value);
}

static void no_files_are_no_files(void **state)
{
    struct request_files files;
    struct json_fault fault = JSON_FAULT_NONE;
    (void)state;
    assert_int_equal(request_files_read(&files, NULL, &fault), 0);
    assert_int_equal(files.count, 0);
    request_files_free(&files);
    expect("[]", 0, NULL, NULL);
    expect("{}", 0, NULL, NULL);
}

static void an_object_has_paths_and_texts(void **state)
{
    static const char *const paths[] = {"a", "sub/b.txt", "\xc3\xa4/\xe2\x82\xac"};
    static const char *const contents[] = {"alpha", "", "\xe2\x82\xac\n"};
    (void)state;
    expect("{\"a\":\"alpha\",\"sub/b.txt\":\"\",\"\\u00e4/\\u20ac\":\"\\u20ac\\n\"}", 3, paths,
           contents);
}

static void a_list_has_objects(void **state)
{
    static const char *const paths[] = {"a", "b", "c/d"};
    static const char *const contents[] = {"alpha", "beta", "gam"};
    (void)state;
    expect("[{\"path\":\"a\",\"content\":\"alpha\"},"
           "{\"encoding\":\"utf-8\",\"content\":\"beta\",\"path\":\"b\"},"
           "{\"path\":\"c/d\",\"content\":\"Z2Ft\",\"encoding\":\"base64\"}]",
           3, paths, contents);
}

static void files_stay_in_the_order_of_the_list(void **state)
{
    struct request_files files;
    struct json_fault fault;
    json_t *value;
    (void)state;
    assert_int_equal(read_text("[{\"path\":\"z\",\"content\":\"1\"},{\"path\":\"a\",\"content\":"
                               "\"2\"},{\"path\":\"z\",\"content\":\"3\"}]",
                               &value, &files, &fault),
                     0);
    assert_int_equal(files.count, 3);
    assert_memory_equal(files.files[0].path, "z", 1);
    assert_memory_equal(files.files[1].path, "a", 1);
    assert_memory_equal(files.files[2].bytes, "3", 1);
    request_files_free(&files);
    json_decref(value);
}

static void texts_may_hold_nul(void **state)
{
    struct request_files files;
    struct json_fault fault;
    json_t *value;
    (void)state;
    assert_int_equal(read_text("{\"a\":\"x\\u0000y\"}", &value, &files, &fault), 0);
    assert_int_equal(files.files[0].size, 3);
    assert_memory_equal(files.files[0].bytes, "x\0y", 3);
    request_files_free(&files);
    json_decref(value);
}

/* RFC 4648, section 10, and some bytes that are no text. */
static void base64_is_decoded(void **state)
{
    static const struct {
        const char *text;
        const char *bytes;
        size_t size;
    } cases[] = {
        {"", "", 0},
        {"Zg==", "f", 1},
        {"Zm8=", "fo", 2},
        {"Zm9v", "foo", 3},
        {"Zm9vYg==", "foob", 4},
        {"Zm9vYmE=", "fooba", 5},
        {"Zm9vYmFy", "foobar", 6},
        {"AP/+gA==", "\x00\xff\xfe\x80", 4},
        {"Zm9v\\r\\nYmFy\\n", "foobar", 6}, /* as RFC 2045 breaks its lines */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct request_files files;
        struct json_fault fault;
        json_t *value;
        BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
        assert_int_equal(buffer_append_format(&text,
                                              "[{\"path\":\"a\",\"content\":\"%s\",\"encoding\":"
                                              "\"base64\"}]",
                                              cases[i].text),
                         0);
        if (read_text(buffer_text(&text), &value, &files, &fault) != 0)
            fail_msg("%s: %s", cases[i].text, fault.error.message);
        assert_int_equal(files.files[0].size, cases[i].size);
        assert_memory_equal(files.files[0].bytes, cases[i].bytes, cases[i].size);
        request_files_free(&files);
        json_decref(value);
    }
}

static void what_is_not_base64_is_refused(void **state)
{
    static const char *const cases[] = {
        "Z",        "Zg",      "Zg=",     "Zm9",        "=",       "====",
        "Zg===",    "Zm9v=",   "Zm-v",    "Zm_v",       "Zm9v!",   "Zh==x",
        "Zg==Zg==", "Zm9vYmF", "\\u0000", "Zm9\\u0000", "\\u00e4", "Zm9v\\u20ac",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
        assert_int_equal(buffer_append_format(&text,
                                              "[{\"path\":\"a\",\"content\":\"Zg==\",\"encoding\":"
                                              "\"base64\"},{\"path\":\"b\",\"content\":\"%s\","
                                              "\"encoding\":\"base64\"}]",
                                              cases[i]),
                         0);
        expect_fault(buffer_text(&text), "files[1] is not base64");
    }
}

static void paths_that_lead_astray_are_refused(void **state)
{
    static const struct {
        const char *path;
        const char *words;
    } cases[] = {
        {"", "1 to 1024 bytes"},     {"/", "relative"},      {"/etc/passwd", "relative"},
        {"//a", "relative"},         {".", "components"},    {"..", "components"},
        {"../a", "components"},      {"a/..", "components"}, {"a/../b", "components"},
        {"a/../../b", "components"}, {"./a", "components"},  {"a/.", "components"},
        {"a/./b", "components"},     {"a//b", "components"}, {"a/", "not end in"},
        {"a/b/", "not end in"},      {"a//", "components"},  {"../", "components"},
        {"./", "components"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        BUFFER_LOCAL struct buffer map = BUFFER_EMPTY;
        BUFFER_LOCAL struct buffer list = BUFFER_EMPTY;
        assert_int_equal(buffer_append_format(&map, "{\"%s\":\"x\"}", cases[i].path), 0);
        expect_fault(buffer_text(&map), cases[i].words);
        assert_int_equal(buffer_append_format(&list,
                                              "[{\"path\":\"ok\",\"content\":\"\"},{\"path\":"
                                              "\"%s\",\"content\":\"x\"}]",
                                              cases[i].path),
                         0);
        expect_fault(buffer_text(&list), cases[i].words);
        expect_fault(buffer_text(&list), "files[1]");
    }
    expect_fault("[{\"path\":\"a\\u0000b\",\"content\":\"\"}]", "NUL");
    expect_fault("[{\"path\":\"a\\u0000/../../b\",\"content\":\"\"}]", "NUL");
}

static void paths_that_only_look_odd_are_taken(void **state)
{
    static const char *const paths[] = {
        "...", "..a", ".a", "a..", "a/.../b", " ",      "a\\\\..\\\\b",
        "a b", "~",   "C:", "-",   "a\\n",    "\\u202e"};
    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct request_files files;
        struct json_fault fault;
        json_t *value;
        BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
        assert_int_equal(buffer_append_format(&text, "{\"%s\":\"x\"}", paths[i]), 0);
        if (read_text(buffer_text(&text), &value, &files, &fault) != 0)
            fail_msg("%s: %s", paths[i], fault.error.message);
        assert_int_equal(files.count, 1);
        request_files_free(&files);
        json_decref(value);
    }
}

static void a_path_has_at_most_1024_bytes(void **state)
{
    (void)state;
    for (int size = 1023; size <= 1025; size++) {
        struct request_files files;
        struct json_fault fault;
        json_t *value;
        BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
        /* A component has at most 255. */
        assert_int_equal(buffer_append_format(&text, "{\"%0255d/%0255d/%0255d/1/%0*d\":\"\"}", 1, 1,
                                              1, size - 3 * 256 - 2, 1),
                         0);
        int result = read_text(buffer_text(&text), &value, &files, &fault);
        assert_int_equal(result, size <= REQUEST_FILE_PATH_MAXIMUM ? 0 : -1);
        request_files_free(&files);
        json_decref(value);
    }
}

static void there_are_at_most_1000_files(void **state)
{
    (void)state;
    for (int list = 0; list < 2; list++) {
        for (int count = 999; count <= 1001; count++) {
            struct request_files files;
            struct json_fault fault;
            json_t *value;
            BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
            assert_int_equal(buffer_append_text(&text, list ? "[" : "{"), 0);
            for (int i = 0; i < count; i++)
                assert_int_equal(buffer_append_format(&text,
                                                      list ? "%s{\"path\":\"%d\",\"content\":\"\"}"
                                                           : "%s\"%d\":\"\"",
                                                      i == 0 ? "" : ",", i),
                                 0);
            assert_int_equal(buffer_append_text(&text, list ? "]" : "}"), 0);
            int result = read_text(buffer_text(&text), &value, &files, &fault);
            assert_int_equal(result, count <= REQUEST_FILES_MAXIMUM ? 0 : -1);
            assert_int_equal(files.count, result == 0 ? count : 0);
            if (result != 0)
                assert_non_null(strstr(fault.error.message, "at most 1000"));
            request_files_free(&files);
            json_decref(value);
        }
    }
}

static void what_is_no_list_of_files_is_refused(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"[1]", "files[0] must be an object"},
        {"[null]", "files[0] must be an object"},
        {"[[]]", "files[0] must be an object"},
        {"[\"a\"]", "files[0] must be an object"},
        {"[{}]", "files[0] must be an object"},
        {"[{\"path\":\"a\"}]", "files[0] must be an object"},
        {"[{\"content\":\"a\"}]", "files[0] must be an object"},
        {"[{\"path\":1,\"content\":\"a\"}]", "files[0] must be an object"},
        {"[{\"path\":\"a\",\"content\":null}]", "files[0] must be an object"},
        {"[{\"path\":\"a\",\"content\":\"\",\"encoding\":null}]", "files[0] must be an object"},
        {"[{\"path\":\"a\",\"content\":\"\",\"encoding\":1}]", "files[0] must be an object"},
        {"[{\"path\":\"a\",\"content\":\"\",\"encoding\":\"\"}]", "encoding of files[0]"},
        {"[{\"path\":\"a\",\"content\":\"\",\"encoding\":\"UTF-8\"}]", "encoding of files[0]"},
        {"[{\"path\":\"a\",\"content\":\"\",\"encoding\":\"base64\\u0000\"}]",
         "encoding of files[0]"},
        {"[{\"path\":\"a\",\"content\":\"\",\"mode\":\"0644\"}]", "unknown field \"mode\""},
        {"[{\"path\":\"a\",\"content\":\"\"},{\"paths\":\"a\",\"content\":\"\"}]",
         "files[1] has the unknown field \"paths\""},
        {"{\"a\":1}", "content of files[0] must be a string"},
        {"{\"a\":null}", "content of files[0] must be a string"},
        {"{\"a\":{\"content\":\"x\"}}", "content of files[0] must be a string"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_fault(cases[i].text, cases[i].words);
}

static void a_value_of_another_type_is_refused(void **state)
{
    json_t *const values[] = {json_integer(1), json_string("a"), json_true(), json_null(),
                              json_real(1.5)};
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct request_files files;
        struct json_fault fault = JSON_FAULT_NONE;
        assert_int_equal(request_files_read(&files, values[i], &fault), -1);
        assert_int_equal(fault.error.kind, ERROR_INVALID_REQUEST);
        assert_non_null(strstr(fault.error.message, "must be a list of objects"));
        request_files_free(&files);
        json_decref(values[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_files_are_no_files),
        cmocka_unit_test(an_object_has_paths_and_texts),
        cmocka_unit_test(a_list_has_objects),
        cmocka_unit_test(files_stay_in_the_order_of_the_list),
        cmocka_unit_test(texts_may_hold_nul),
        cmocka_unit_test(base64_is_decoded),
        cmocka_unit_test(what_is_not_base64_is_refused),
        cmocka_unit_test(paths_that_lead_astray_are_refused),
        cmocka_unit_test(paths_that_only_look_odd_are_taken),
        cmocka_unit_test(a_path_has_at_most_1024_bytes),
        cmocka_unit_test(there_are_at_most_1000_files),
        cmocka_unit_test(what_is_no_list_of_files_is_refused),
        cmocka_unit_test(a_value_of_another_type_is_refused),
    };
    return cmocka_run_group_tests_name("request_files", tests, NULL, NULL);
}
