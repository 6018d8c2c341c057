/* src/wasi/scratch_tree.c, src/wasi/scratch_order.c */
#include "wasi/scratch_tree.h"

#include "wasi/abi.h"
#include "wasi/wasi_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define GIB (UINT64_C(1) << 30)

static struct scratch_tree *tree;

static int set_up(void **state)
{
    struct error error = ERROR_NONE;
    (void)state;
    tree = scratch_tree_new(GIB, NULL, &error);
    assert_non_null(tree);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_tree_free(tree);
    return 0;
}

#define TREE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static uint32_t make(struct scratch_node *folder, const char *name, bool is_folder,
                     struct scratch_node **made)
{
    struct scratch_node *node;
    uint32_t failure =
        scratch_create(tree, folder, name, strlen(name), is_folder, made == NULL ? &node : made);
    return failure;
}

static struct scratch_node *file(struct scratch_node *folder, const char *name)
{
    struct scratch_node *node;
    assert_int_equal(make(folder, name, false, &node), WASI_ERRNO_SUCCESS);
    return node;
}

static struct scratch_node *folder_in(struct scratch_node *folder, const char *name)
{
    struct scratch_node *node;
    assert_int_equal(make(folder, name, true, &node), WASI_ERRNO_SUCCESS);
    return node;
}

static struct scratch_node *find(const struct scratch_node *folder, const char *name)
{
    return scratch_find(tree, folder, name, strlen(name));
}

static uint32_t move(struct scratch_node *node, struct scratch_node *folder, const char *name)
{
    return scratch_rename(tree, node, folder, name, strlen(name));
}

static void names_are_found_where_they_are(void **state)
{
    (void)state;
    struct scratch_node *a = folder_in(tree->workspace, "a");
    struct scratch_node *b = file(a, "b");
    assert_ptr_equal(find(tree->workspace, "a"), a);
    assert_ptr_equal(find(a, "b"), b);
    assert_null(find(tree->tmp, "a"));
    assert_null(find(tree->workspace, "b"));
    assert_null(find(a, "bb"));
    assert_null(find(a, ""));
    assert_null(scratch_find(tree, tree->workspace, "a\0", 2));
    assert_int_equal(make(tree->workspace, "a", false, NULL), WASI_ERRNO_EXIST);
    assert_int_equal(make(a, "b", true, NULL), WASI_ERRNO_EXIST);
    assert_true(a->number != b->number);
}

static void names_have_a_form(void **state)
{
    (void)state;
    char name[300];
    struct scratch_node *node;
    memset(name, 'n', sizeof(name));
    assert_int_equal(scratch_create(tree, tree->tmp, name, 256, false, &node),
                     WASI_ERRNO_NAMETOOLONG);
    assert_int_equal(scratch_create(tree, tree->tmp, name, 255, false, &node), 0);
    assert_int_equal(scratch_create(tree, tree->tmp, "", 0, false, &node), WASI_ERRNO_INVAL);
    assert_int_equal(scratch_create(tree, tree->tmp, ".", 1, false, &node), WASI_ERRNO_INVAL);
    assert_int_equal(scratch_create(tree, tree->tmp, "..", 2, true, &node), WASI_ERRNO_INVAL);
    assert_int_equal(scratch_create(tree, tree->tmp, "a/b", 3, true, &node), WASI_ERRNO_INVAL);
    assert_int_equal(scratch_create(tree, tree->tmp, "a\0b", 3, true, &node), WASI_ERRNO_INVAL);
    assert_int_equal(scratch_create(tree, tree->tmp, "...", 3, true, &node), 0);
    assert_int_equal(scratch_create(tree, tree->tmp, "\xff", 1, true, &node), 0);
    assert_int_equal(scratch_rename(tree, node, tree->tmp, "a/b", 3), WASI_ERRNO_INVAL);
    assert_int_equal(scratch_rename(tree, node, tree->tmp, name, 256), WASI_ERRNO_NAMETOOLONG);
}

static void what_is_removed_is_given_back(void **state)
{
    (void)state;
    uint64_t used = tree->budget.used;
    uint32_t failure;
    struct scratch_node *a = folder_in(tree->tmp, "a");
    struct scratch_node *b = file(a, "b");
    assert_int_equal(scratch_content_write(&b->content, &tree->budget, 0, "x", 1, &failure), 1);
    assert_true(tree->budget.used >= used + 2 * SCRATCH_NODE_CHARGE + SCRATCH_BLOCK_SIZE);
    scratch_unlink(tree, b);
    scratch_unlink(tree, a);
    assert_int_equal(tree->budget.used, used);
    assert_int_equal(tree->node_count, 2);
    assert_null(find(tree->tmp, "a"));
}

static void what_is_held_lives_on(void **state)
{
    (void)state;
    uint64_t used = tree->budget.used;
    struct scratch_node *a = folder_in(tree->tmp, "a");
    scratch_hold(a);
    scratch_hold(a);
    assert_int_equal(scratch_link_count(a), 2);
    scratch_unlink(tree, a);
    assert_int_equal(scratch_link_count(a), 0);
    assert_int_equal(make(a, "x", false, NULL), WASI_ERRNO_NOENT);
    assert_null(find(a, "x"));
    struct scratch_node *other = folder_in(tree->tmp, "a");
    assert_ptr_not_equal(other, a);
    assert_true(other->number != a->number);
    scratch_drop(tree, a);
    assert_int_equal(tree->node_count, 4);
    scratch_drop(tree, a);
    assert_int_equal(tree->node_count, 3);
    scratch_unlink(tree, other);
    assert_int_equal(tree->budget.used, used);
}

static void nodes_without_a_name_get_one(void **state)
{
    (void)state;
    struct scratch_node *node;
    assert_int_equal(scratch_create_unlinked(tree, false, &node), 0);
    assert_int_equal(scratch_link_count(node), 0);
    (void)file(tree->tmp, "taken");
    assert_int_equal(scratch_link(tree, node, tree->tmp, "taken", 5), WASI_ERRNO_EXIST);
    assert_int_equal(scratch_link(tree, node, tree->tmp, "free", 4), 0);
    assert_int_equal(scratch_link_count(node), 1);
    scratch_drop(tree, node);
    assert_ptr_equal(find(tree->tmp, "free"), node);
}

static void links_are_counted(void **state)
{
    (void)state;
    struct scratch_node *a = folder_in(tree->tmp, "a");
    struct scratch_node *b = folder_in(a, "b");
    (void)file(a, "c");
    assert_int_equal(scratch_link_count(a), 3);
    assert_int_equal(scratch_link_count(tree->tmp), 3);
    assert_int_equal(move(b, tree->workspace, "b"), 0);
    assert_int_equal(scratch_link_count(a), 2);
    assert_int_equal(scratch_link_count(tree->workspace), 3);
    scratch_unlink(tree, b);
    assert_int_equal(scratch_link_count(tree->workspace), 2);
}

static void renaming_follows_the_rules_of_rename(void **state)
{
    (void)state;
    struct scratch_node *a = folder_in(tree->tmp, "a");
    struct scratch_node *b = folder_in(a, "b");
    struct scratch_node *empty = folder_in(tree->tmp, "empty");
    struct scratch_node *one = file(tree->tmp, "one");
    struct scratch_node *two = file(a, "two");
    assert_int_equal(move(a, a, "x"), WASI_ERRNO_INVAL);
    assert_int_equal(move(a, b, "x"), WASI_ERRNO_INVAL);
    assert_int_equal(move(b, tree->tmp, "a"), WASI_ERRNO_NOTEMPTY);
    assert_int_equal(move(two, tree->tmp, "a"), WASI_ERRNO_NOTEMPTY);
    assert_int_equal(move(one, tree->tmp, "a"), WASI_ERRNO_ISDIR);
    assert_int_equal(move(a, tree->tmp, "one"), WASI_ERRNO_NOTDIR);
    assert_int_equal(move(empty, tree->tmp, "a"), WASI_ERRNO_NOTEMPTY);
    assert_int_equal(move(one, tree->tmp, "one"), 0);
    assert_int_equal(move(a, tree->tmp, "a"), 0);
    assert_int_equal(move(one, a, "two"), 0);
    assert_ptr_equal(find(a, "two"), one);
    assert_null(find(tree->tmp, "one"));
    assert_int_equal(move(a, tree->tmp, "empty"), 0);
    assert_ptr_equal(find(tree->tmp, "empty"), a);
    assert_ptr_equal(find(a, "b"), b);
    assert_int_equal(move(a, tree->workspace, "elsewhere"), 0);
    assert_ptr_equal(find(find(tree->workspace, "elsewhere"), "two"), one);
    assert_null(tree->tmp->first);
    assert_int_equal(tree->node_count, 5);
    /* Into a folder that was removed. */
    scratch_hold(b);
    scratch_unlink(tree, b);
    assert_int_equal(move(one, b, "x"), WASI_ERRNO_NOENT);
    scratch_drop(tree, b);
}

static void renaming_needs_no_room(void **state)
{
    (void)state;
    struct scratch_node *a = file(tree->tmp, "a");
    (void)file(tree->tmp, "b");
    tree->budget.limit = 1;
    assert_int_equal(make(tree->tmp, "c", false, NULL), WASI_ERRNO_NOSPC);
    assert_int_equal(move(a, tree->workspace, "a much longer name than it had before"), 0);
    assert_int_equal(move(a, tree->tmp, "b"), 0);
}

static void paths_have_a_limit(void **state)
{
    (void)state;
    char name[256];
    memset(name, 'd', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    struct scratch_node *deepest = tree->workspace;
    for (int i = 0; i < 15; i++)
        deepest = folder_in(deepest, name);
    /* 15 names of 255 bytes with their slashes: 256 are left, and behind "x/" 254. */
    struct scratch_node *last = file(deepest, name);
    scratch_unlink(tree, last);
    deepest = folder_in(deepest, "x");
    assert_int_equal(make(deepest, name, false, NULL), WASI_ERRNO_NAMETOOLONG);
    name[254] = '\0';
    struct scratch_node *longest = file(deepest, name);
    /* A folder cannot be moved to where what lies in it would be too deep. */
    struct scratch_node *top = tree->workspace->first;
    assert_int_equal(scratch_rename(tree, top, tree->workspace, top->name, 254), 0);
    struct scratch_node *a = folder_in(tree->workspace, "a");
    assert_int_equal(move(top, a, "b"), 0);
    scratch_unlink(tree, longest);
    assert_int_equal(move(top, tree->workspace, "b"), 0);
    (void)file(deepest, name);
    struct scratch_node *deep = folder_in(folder_in(a, name), name);
    assert_int_equal(move(top, deep, "b"), WASI_ERRNO_NAMETOOLONG);
    assert_int_equal(move(top, tree->tmp, "b"), 0);
}

static void depth_is_bounded_by_the_path(void **state)
{
    (void)state;
    struct scratch_node *deepest = tree->tmp;
    struct scratch_node *node;
    uint32_t depth = 0;
    while (make(deepest, "d", true, &node) == WASI_ERRNO_SUCCESS) {
        deepest = node;
        depth++;
    }
    assert_int_equal(depth, 2048);
    assert_true(scratch_is_beneath(deepest, tree->tmp));
    assert_false(scratch_is_beneath(tree->tmp, deepest));
    assert_false(scratch_is_beneath(deepest, tree->workspace));
}

static void the_number_of_nodes_is_limited(void **state)
{
    (void)state;
    char name[16];
    uint32_t failure = 0;
    uint32_t made = 0;
    while (failure == WASI_ERRNO_SUCCESS) {
        (void)snprintf(name, sizeof(name), "%u", made);
        failure = make(tree->tmp, name, false, NULL);
        if (failure == WASI_ERRNO_SUCCESS)
            made++;
    }
    assert_int_equal(failure, WASI_ERRNO_NOSPC);
    assert_int_equal(made, WASI_SCRATCH_NODES_MAX - 2);
    for (uint32_t i = 0; i < made; i += 1000) {
        (void)snprintf(name, sizeof(name), "%u", i);
        assert_non_null(find(tree->tmp, name));
    }
    scratch_unlink(tree, find(tree->tmp, "77"));
    assert_int_equal(make(tree->workspace, "x", true, NULL), 0);
    assert_int_equal(make(tree->workspace, "y", true, NULL), WASI_ERRNO_NOSPC);
}

static double seconds_since(const struct timespec *start)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

/* Far from quadratic: with a list that is searched from its beginning it takes minutes. */
static void a_crowded_folder_is_quick(void **state)
{
    (void)state;
    enum { COUNT = 50000 };
    struct timespec start;
    char name[16];
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof(name), "file%d", i);
        (void)file(tree->tmp, name);
    }
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof(name), "file%d", (i * 7919) % COUNT);
        assert_non_null(find(tree->tmp, name));
    }
    uint64_t cookie = 0;
    int listed = 0;
    for (const struct scratch_node *node; (node = scratch_entry_from(tree->tmp, cookie)) != NULL;
         listed++)
        cookie = node->cookie + 1;
    assert_int_equal(listed, COUNT);
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof(name), "file%d", (i * 7919) % COUNT);
        scratch_unlink(tree, find(tree->tmp, name));
    }
    double seconds = seconds_since(&start);
    print_message("# %d files made, found, listed and removed in %.3f s\n", COUNT, seconds);
    assert_true(seconds < 20);
}

static void cookies_stay_while_entries_come_and_go(void **state)
{
    (void)state;
    struct scratch_node *nodes[20];
    char name[16];
    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof(name), "%d", i);
        nodes[i] = file(tree->tmp, name);
        if (i > 0)
            assert_true(nodes[i]->cookie > nodes[i - 1]->cookie);
    }
    assert_true(nodes[0]->cookie >= SCRATCH_COOKIE_FIRST);
    uint64_t tenth = nodes[10]->cookie;
    assert_ptr_equal(scratch_entry_from(tree->tmp, 0), nodes[0]);
    assert_ptr_equal(scratch_entry_from(tree->tmp, tenth), nodes[10]);
    for (int i = 0; i < 20; i += 2)
        scratch_unlink(tree, nodes[i]);
    assert_ptr_equal(scratch_entry_from(tree->tmp, tenth), nodes[11]);
    assert_ptr_equal(scratch_entry_from(tree->tmp, 0), nodes[1]);
    struct scratch_node *late = file(tree->tmp, "10");
    assert_true(late->cookie > nodes[19]->cookie);
    assert_ptr_equal(scratch_entry_from(tree->tmp, nodes[19]->cookie + 1), late);
    assert_null(scratch_entry_from(tree->tmp, late->cookie + 1));
    assert_null(scratch_entry_from(tree->tmp, UINT64_MAX));
    /* A new name in the same folder keeps the place, one in another does not. */
    uint64_t cookie = nodes[1]->cookie;
    assert_int_equal(move(nodes[1], tree->tmp, "renamed"), 0);
    assert_int_equal(nodes[1]->cookie, cookie);
    assert_int_equal(move(nodes[1], tree->workspace, "renamed"), 0);
    assert_true(nodes[1]->cookie > late->cookie);
    /* The last listed entry goes. */
    assert_ptr_equal(scratch_entry_from(tree->tmp, late->cookie), late);
    scratch_unlink(tree, late);
    assert_ptr_equal(scratch_entry_from(tree->tmp, 0), nodes[3]);
}

static void marks_tell_what_changed(void **state)
{
    (void)state;
    struct scratch_node *a = folder_in(tree->workspace, "a");
    struct scratch_node *deep = file(folder_in(a, "b"), "deep");
    struct scratch_node *other = file(tree->workspace, "other");
    assert_true(scratch_has_changed(tree, deep));
    scratch_mark(tree);
    assert_false(scratch_has_changed(tree, deep));
    assert_int_equal(move(other, tree->workspace, "other"), 0);
    assert_false(scratch_has_changed(tree, other));
    scratch_content_changed(tree, other);
    assert_true(scratch_has_changed(tree, other));
    assert_int_equal(move(a, tree->tmp, "a"), 0);
    assert_true(scratch_has_changed(tree, deep));
    scratch_mark(tree);
    assert_false(scratch_has_changed(tree, other));
    assert_true(scratch_has_changed(tree, file(tree->tmp, "new")));
}

static int compare_names(const struct scratch_node *left, const struct scratch_node *right)
{
    return memcmp(left->name, right->name, 8);
}

static void lists_are_sorted(void **state)
{
    (void)state;
    uint32_t seed = 3;
    assert_null(scratch_sort(NULL, compare_names));
    for (uint32_t count = 1; count < 70; count++) {
        struct scratch_node *folder = count % 2 == 0 ? tree->tmp : tree->workspace;
        while (folder->first != NULL)
            scratch_unlink(tree, folder->first);
        for (uint32_t i = 0; i < count; i++) {
            char name[16];
            seed = seed * 1103515245u + 12345u;
            (void)snprintf(name, sizeof(name), "%08u", seed / 8 % 100000000);
            struct scratch_node *node;
            assert_int_equal(make(folder, name, false, &node), 0);
        }
        for (struct scratch_node *node = folder->first; node != NULL; node = node->next)
            node->sorted_next = node->next;
        uint32_t seen = 1;
        for (struct scratch_node *node = scratch_sort(folder->first, compare_names);
             node->sorted_next != NULL; node = node->sorted_next, seen++)
            assert_true(compare_names(node, node->sorted_next) < 0);
        assert_int_equal(seen, count);
    }
}

static void trees_are_walked_without_recursion(void **state)
{
    (void)state;
    struct scratch_node *a = folder_in(tree->tmp, "a");
    struct scratch_node *b = folder_in(a, "b");
    struct scratch_node *c = file(b, "c");
    struct scratch_node *d = folder_in(a, "d");
    struct scratch_node *e = file(tree->tmp, "e");
    struct scratch_node *const order[] = {a, b, c, d, e, NULL};
    struct scratch_node *node = tree->tmp;
    for (int i = 0; i < 6; i++) {
        node = scratch_next_beneath(tree->tmp, node);
        assert_ptr_equal(node, order[i]);
    }
    assert_ptr_equal(scratch_next_beneath(b, c), NULL);
    assert_ptr_equal(scratch_next_beneath(d, d), NULL);
    assert_ptr_equal(scratch_next_beneath(tree->workspace, tree->workspace), NULL);
}

static void a_tree_charges_its_memory(void **state)
{
    (void)state;
    struct error error = ERROR_NONE;
    struct linear_memory memory = {.size = WASM_PAGE_SIZE, .limit = WASM_PAGE_SIZE + 1023};
    assert_null(scratch_tree_new(GIB, &memory, &error));
    assert_int_equal(error.kind, ERROR_MEMORY_LIMIT);
    assert_int_equal(memory.charged, 0);
    memory.limit = WASM_PAGE_SIZE + 1100;
    struct scratch_tree *charged = scratch_tree_new(GIB, &memory, &error);
    assert_non_null(charged);
    assert_int_equal(memory.charged, 2 * SCRATCH_NODE_CHARGE);
    struct scratch_node *node;
    assert_int_equal(scratch_create(charged, charged->tmp, "x", 1, false, &node), WASI_ERRNO_NOSPC);
    memory.limit = WASM_PAGE_SIZE + 4096;
    assert_int_equal(scratch_create(charged, charged->tmp, "x", 1, false, &node), 0);
    scratch_tree_free(charged);
    assert_int_equal(memory.charged, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TREE_TEST(names_are_found_where_they_are),
        TREE_TEST(names_have_a_form),
        TREE_TEST(what_is_removed_is_given_back),
        TREE_TEST(what_is_held_lives_on),
        TREE_TEST(nodes_without_a_name_get_one),
        TREE_TEST(links_are_counted),
        TREE_TEST(renaming_follows_the_rules_of_rename),
        TREE_TEST(renaming_needs_no_room),
        TREE_TEST(paths_have_a_limit),
        TREE_TEST(depth_is_bounded_by_the_path),
        TREE_TEST(the_number_of_nodes_is_limited),
        TREE_TEST(a_crowded_folder_is_quick),
        TREE_TEST(cookies_stay_while_entries_come_and_go),
        TREE_TEST(marks_tell_what_changed),
        TREE_TEST(lists_are_sorted),
        TREE_TEST(trees_are_walked_without_recursion),
        cmocka_unit_test(a_tree_charges_its_memory),
    };
    return cmocka_run_group_tests_name("scratch_tree", tests, NULL, NULL);
}
