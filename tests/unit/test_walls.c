/* src/sandbox/walls.c: names, and what this machine permits. That each wall holds is for
 * tests/security/test_kernel_*.c. */
#include "sandbox/walls.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char all_names[] =
    "no_new_privs, seccomp, rlimits, capabilities, not_dumpable, descriptors, user_namespace, "
    "pid_namespace, network_namespace, ipc_namespace, mount_namespace, landlock";

static void each_wall_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int wall = 0; wall < WALL_COUNT; wall++) {
        const char *name = wall_name((enum wall)wall);
        assert_int_equal(wall_from_name(name), wall);
        assert_true(strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name));
        assert_true(strlen(wall_meaning((enum wall)wall)) > 10);
        assert_true(strlen(wall_advice((enum wall)wall)) > 10);
        assert_null(strchr(wall_meaning((enum wall)wall), '\n'));
    }
}

static void what_is_no_name_is_no_wall(void **state)
{
    static const char *const names[] = {"", " ", "Seccomp", "seccomp ", "seccom", "seccompx", "*"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(wall_from_name(names[i]), -1);
}

static void names_are_listed(void **state)
{
    static const struct {
        wall_set walls;
        const char *text;
    } cases[] = {
        {0, ""},
        {WALL_BIT(WALL_LANDLOCK), "landlock"},
        {WALL_BIT(WALL_LANDLOCK) | WALL_BIT(WALL_NO_NEW_PRIVS), "no_new_privs, landlock"},
        {WALLS_ALL, all_names},
        {(wall_set)~WALLS_ALL, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
        assert_int_equal(walls_append_names(&text, cases[i].walls), 0);
        assert_string_equal(buffer_text(&text), cases[i].text);
    }
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    assert_int_equal(buffer_append_text(&text, "walls: "), 0);
    assert_int_equal(walls_append_names(&text, WALL_BIT(WALL_SECCOMP)), 0);
    assert_string_equal(buffer_text(&text), "walls: seccomp");
}

static void the_sets_fit_together(void **state)
{
    (void)state;
    assert_int_equal(WALLS_ALL, (1u << WALL_COUNT) - 1);
    assert_int_equal(WALLS_INDISPENSABLE & ~WALLS_ALL, 0);
    assert_true((WALLS_INDISPENSABLE & WALL_BIT(WALL_DESCRIPTORS)) != 0);
    assert_false((WALLS_INDISPENSABLE & WALL_BIT(WALL_USER_NAMESPACE)) != 0);
}

/* ---- require ---- */

static void what_is_there_can_be_required(void **state)
{
    const char *const names[] = {"seccomp", "landlock", "seccomp"};
    struct error error = ERROR_NONE;
    (void)state;
    assert_int_equal(walls_require(WALLS_ALL, names, 3, &error), 0);
    assert_int_equal(
        walls_require(WALL_BIT(WALL_SECCOMP) | WALL_BIT(WALL_LANDLOCK), names, 3, &error), 0);
    assert_int_equal(walls_require(0, names, 0, &error), 0);
    assert_int_equal(error.kind, ERROR_OK);
}

static void what_is_missing_is_named_with_what_to_do(void **state)
{
    (void)state;
    for (int wall = 0; wall < WALL_COUNT; wall++) {
        const char *const names[] = {"descriptors", wall_name((enum wall)wall)};
        struct error error = ERROR_NONE;
        wall_set walls = (WALLS_ALL | WALL_BIT(WALL_DESCRIPTORS)) & ~WALL_BIT(wall);
        assert_int_equal(walls_require(walls, names, 2, &error), -1);
        assert_int_equal(error.kind, ERROR_INTERNAL);
        assert_non_null(strstr(error.message, names[1]));
        assert_non_null(strstr(error.message, wall_meaning((enum wall)wall)));
        assert_non_null(strstr(error.message, wall_advice((enum wall)wall)));
    }
}

static void what_is_unknown_is_refused_with_what_there_is(void **state)
{
    const char *const names[] = {"seccomp", "firewall"};
    struct error error = ERROR_NONE;
    (void)state;
    assert_int_equal(walls_require(WALLS_ALL, names, 2, &error), -1);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
    assert_non_null(strstr(error.message, "\"firewall\""));
    assert_non_null(strstr(error.message, all_names));
    /* A long one is cut, so that the list is always there. */
    char longest[2000];
    const char *const one[] = {longest};
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    error = ERROR_NONE;
    assert_int_equal(walls_require(WALLS_ALL, one, 1, &error), -1);
    assert_non_null(strstr(error.message, all_names));
}

/* ---- probe ---- */

static size_t descriptor_count(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    (void)closedir(folder);
    return count;
}

static void the_indispensable_ones_are_there(void **state)
{
    (void)state;
    size_t before = descriptor_count();
    wall_set first = 0;
    for (int i = 0; i < 3; i++) {
        wall_set walls = 0;
        struct error error = ERROR_NONE;
        if (walls_probe(&walls, &error) != 0)
            fail_msg("%s", error.message);
        assert_int_equal(walls & WALLS_INDISPENSABLE, WALLS_INDISPENSABLE);
        assert_int_equal(walls & ~WALLS_ALL, 0);
        first = i == 0 ? walls : first;
        assert_int_equal(walls, first);
    }
    /* Nothing of it is left in this process. */
    assert_int_equal(descriptor_count(), before);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void a_probe_that_cannot_be_made_is_an_error(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct error error = ERROR_NONE;
        wall_set walls = WALLS_ALL;
        const struct rlimit none = {0, 0};
        bool told = setrlimit(RLIMIT_NOFILE, &none) == 0 && walls_probe(&walls, &error) == -1 &&
                    error.kind == ERROR_INTERNAL && walls == 0;
        _exit(told ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_wall_has_a_name_of_its_own),
        cmocka_unit_test(what_is_no_name_is_no_wall),
        cmocka_unit_test(names_are_listed),
        cmocka_unit_test(the_sets_fit_together),
        cmocka_unit_test(what_is_there_can_be_required),
        cmocka_unit_test(what_is_missing_is_named_with_what_to_do),
        cmocka_unit_test(what_is_unknown_is_refused_with_what_there_is),
        cmocka_unit_test(the_indispensable_ones_are_there),
        cmocka_unit_test(a_probe_that_cannot_be_made_is_an_error),
    };
    return cmocka_run_group_tests_name("walls", tests, NULL, NULL);
}
