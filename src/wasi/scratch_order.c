/* The orders in which a scratch tree is gone through. Invariant: nothing here calls itself or
 * allocates, however deep or wide a guest made the tree. */
#include "wasi/scratch_tree.h"

struct scratch_node *scratch_next_beneath(const struct scratch_node *top, struct scratch_node *node)
{
    if (node->first != NULL)
        return node->first;
    while (node != top && node->next == NULL)
        node = node->parent;
    return node == top ? NULL : node->next;
}

struct scratch_node *scratch_entry_from(struct scratch_node *folder, uint64_t cookie)
{
    struct scratch_node *node = folder->listed != NULL ? folder->listed : folder->first;
    while (node != NULL && node->previous != NULL && node->previous->cookie >= cookie)
        node = node->previous;
    while (node != NULL && node->cookie < cookie)
        node = node->next;
    if (node != NULL)
        folder->listed = node;
    return node;
}

/* A list while it is put together. */
struct list {
    struct scratch_node *first;
    struct scratch_node *last;
};

static void append(struct list *list, struct scratch_node *node)
{
    if (list->last == NULL)
        list->first = node;
    else
        list->last->sorted_next = node;
    list->last = node;
}

/* Merges the run of at most `size` nodes at `*rest` with the run behind it, appends both to `list`
 * and moves `*rest` behind them. */
static void merge_runs(struct list *list, struct scratch_node **rest, size_t size,
                       int (*compare)(const struct scratch_node *, const struct scratch_node *))
{
    struct scratch_node *left = *rest;
    struct scratch_node *right = left;
    size_t left_size = 0;
    size_t right_size = size;
    for (; left_size < size && right != NULL; left_size++)
        right = right->sorted_next;
    while (left_size > 0 || (right_size > 0 && right != NULL)) {
        bool take_left =
            right_size == 0 || right == NULL || (left_size > 0 && compare(left, right) <= 0);
        struct scratch_node **from = take_left ? &left : &right;
        struct scratch_node *node = *from;
        *from = node->sorted_next;
        append(list, node);
        if (take_left)
            left_size--;
        else
            right_size--;
    }
    *rest = right;
}

struct scratch_node *scratch_sort(struct scratch_node *list,
                                  int (*compare)(const struct scratch_node *,
                                                 const struct scratch_node *))
{
    for (size_t size = 1;; size *= 2) {
        struct list merged = {0};
        struct scratch_node *rest = list;
        size_t runs = 0;
        for (; rest != NULL; runs += 2)
            merge_runs(&merged, &rest, size, compare);
        if (merged.last != NULL)
            merged.last->sorted_next = NULL;
        list = merged.first;
        if (runs <= 2)
            return list;
    }
}
