/* src/engine/dropped_load.c */
#include "engine/dropped_load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define LOAD "  w2c_i1 = i32_load(&guest_state.w2c_memory, (u64)(w2c_i1) + 4u);\n"

/* What follows the load of slot 1, and whether it is to be kept. */
static const struct {
    const char *name;
    const char *rest;
    bool kept;
} cases[] = {
    {"taken at once", "  w2c_i0 += w2c_i1;\n", false},
    {"taken by a store", "  i32_store(&guest_state.w2c_memory, (u64)(w2c_i0), w2c_i1);\n", false},
    {"taken by a local", "  w2c_l3 = w2c_i1;\n", false},
    {"taken above its own slot", "  w2c_i1 = !(w2c_i1);\n", false},
    {"taken below other operands", "  w2c_i2 = 5u;\n  w2c_i1 <<= (w2c_i2 & 31);\n", false},
    {"taken as a condition", "  if (w2c_i1) {goto w2c_B0;}\n", false},
    {"taken as a selector", "  switch (w2c_i1) {\n", false},
    {"taken as a result", "  FUNC_EPILOGUE;\n  return w2c_i1;\n}\n", false},
    {"taken after a call without result", "  w2c_f3();\n  w2c_i0 = w2c_i1;\n", false},
    {"dropped at once", "  w2c_i1 = 5u;\n", true},
    {"dropped for another type", "  w2c_j1 = 5ull;\n", true},
    {"dropped for a reference", "  w2c_r0 = wasm_rt_funcref_null_value;\n", true},
    {"dropped with what was above", "  w2c_i2 = 5u;\n  w2c_j0 = 5ull;\n", true},
    {"dropped at the end", "  FUNC_EPILOGUE;\n}\n", true},
    {"discarded by a branch", "  w2c_i2 = 5u;\n  w2c_i0 = w2c_i2; goto w2c_B0;\n", true},
    {"discarded by a return", "  w2c_i2 = 5u;\n  w2c_i0 = w2c_i2; goto w2c_Bfunc;\n", true},
    {"moved by a branch", "  w2c_i0 = w2c_i1; goto w2c_B0;\n", true},
    {"moved by a branch if", "  w2c_i2 = 5u;\n  if (w2c_i2) {w2c_i0 = w2c_i1; goto w2c_B0;}\n",
     true},
    {"at the end of a block", "  w2c_B0:;\n  w2c_i0 += w2c_i1;\n", true},
    {"before what never returns", "  UNREACHABLE;\n", true},
    {"a longer name", "  w2c_i10 = w2c_i11;\n  w2c_i1 = 5u;\n", true},
    {"a name with a suffix", "  w2c_i0 = w2c_i1_0;\n", true},
    {"nothing", "", true},
};

static void a_load_is_kept_when_its_value_is_not_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
        BUFFER_LOCAL struct buffer result = BUFFER_EMPTY;
        BUFFER_LOCAL struct buffer expected = BUFFER_EMPTY;
        assert_int_equal(buffer_append_format(&text, "void f(void) {\n" LOAD "%s", cases[i].rest),
                         0);
        assert_int_equal(dropped_load_append(&text, &result), 0);
        assert_int_equal(
            buffer_append_format(&expected,
                                 "void f(void) {\n  w2c_i1 = i32_load%s(&guest_state.w2c_"
                                 "memory, (u64)(w2c_i1) + 4u);\n%s",
                                 cases[i].kept ? "_kept" : "", cases[i].rest),
            0);
        if (strcmp(buffer_text(&result), buffer_text(&expected)) != 0)
            fail_msg("%s: %s", cases[i].name, buffer_text(&result));
    }
}

static void every_kind_of_load_is_known(void **state)
{
    static const char *const loads[] = {
        "i32_load",    "i64_load",     "f32_load",     "f64_load",     "i32_load8_s",
        "i64_load8_u", "i32_load16_u", "i64_load16_s", "i64_load32_s", "i64_load32_u"};
    (void)state;
    for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
        BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
        BUFFER_LOCAL struct buffer result = BUFFER_EMPTY;
        BUFFER_LOCAL struct buffer expected = BUFFER_EMPTY;
        assert_int_equal(buffer_append_format(&text, "  w2c_f0_0 = %s(m, a);\n}\n", loads[i]), 0);
        assert_int_equal(
            buffer_append_format(&expected, "  w2c_f0_0 = %s_kept(m, a);\n}\n", loads[i]), 0);
        assert_int_equal(dropped_load_append(&text, &result), 0);
        assert_string_equal(buffer_text(&result), buffer_text(&expected));
    }
}

/* Functions and globals may be named by exports. */
static void what_is_no_load_stays(void **state)
{
    static const char text[] =
        "  w2c_i0 = w2c__load(w2c_i0);\n  w2c_i0 = w2c_i32_load(w2c_i0);\n"
        "  w2c_l0 = i32_load(m, a);\n  guest_state.w2c_g0 = i32_load(m, a);\n}\n";
    BUFFER_LOCAL struct buffer source = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer result = BUFFER_EMPTY;
    (void)state;
    assert_int_equal(buffer_append_text(&source, text), 0);
    assert_int_equal(dropped_load_append(&source, &result), 0);
    assert_string_equal(buffer_text(&result), text);
}

/* Many loads one above the other: each is looked at for a bounded number of lines. */
static void time_is_linear(void **state)
{
    const unsigned count = 200000;
    BUFFER_LOCAL struct buffer source = BUFFER_EMPTY;
    BUFFER_LOCAL struct buffer result = BUFFER_EMPTY;
    (void)state;
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(buffer_append_format(&source, "  w2c_i%u = i32_load(m, a);\n", i), 0);
    assert_int_equal(dropped_load_append(&source, &result), 0);
    assert_int_equal(result.size, source.size + count * strlen("_kept"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_load_is_kept_when_its_value_is_not_taken),
        cmocka_unit_test(every_kind_of_load_is_known),
        cmocka_unit_test(what_is_no_load_stays),
        cmocka_unit_test(time_is_linear),
    };
    return cmocka_run_group_tests_name("dropped_load", tests, NULL, NULL);
}
