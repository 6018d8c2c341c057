/* A file system in memory: folders, files, their names and times. It knows nothing of guests'
 * memory, descriptors or rights; src/wasi/scratch_files.c and scratch_paths.c do.
 *
 * There are two top folders, `tmp` and `workspace`, and no way above them. There are no links: a
 * node has one name, or none once it was removed. A node that was removed lives on while it is
 * held.
 *
 * Everything is bounded: the bytes by the budget, the nodes by WASI_SCRATCH_NODES_MAX, a name by
 * SCRATCH_NAME_MAX, a path from the top folder down by WASI_PATH_MAX, a file by
 * WASI_SCRATCH_FILE_MAX. Creating, finding, removing and renaming a node takes time in proportion
 * to the length of its path, renaming a folder also to the number of nodes beneath it.
 *
 * Functions that can fail return an enum wasi_errno and have changed nothing then. Not thread-safe;
 * a child made by fork(2) has its own copy.
 */
#ifndef SHANNON_WASI_SCRATCH_TREE_H
#define SHANNON_WASI_SCRATCH_TREE_H

#include "base/error.h"
#include "wasi/scratch_budget.h"
#include "wasi/scratch_content.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRATCH_NAME_MAX 255u

/* What one node takes of the budget: itself, its place in the table of names, the allocator's. */
#define SCRATCH_NODE_CHARGE 512u

/* The lowest cookie of an entry; below it are those of "." and "..". */
#define SCRATCH_COOKIE_FIRST 2u

struct scratch_node {
    uint64_t number; /* its serial number, which no other node ever has */
    bool is_folder;
    bool is_linked;    /* has a name in the tree, or is a top folder */
    uint32_t holds;    /* see scratch_hold */
    uint32_t position; /* among the nodes of a saved state; means nothing at other times */

    struct scratch_node *parent; /* NULL for a top folder and for what was removed */
    struct scratch_node *next;   /* in the parent's list, in the order of cookies */
    struct scratch_node *previous;
    uint64_t cookie; /* its place in the parent's list; grows with every name that is made */
    struct scratch_node *bucket_next;
    uint64_t hash;
    struct scratch_node *sorted_next; /* see scratch_sort */

    /* A folder's entries. */
    struct scratch_node *first;
    struct scratch_node *last;
    struct scratch_node *listed; /* where the last listing was; NULL when unknown */
    uint32_t folder_count;       /* folders among the entries */

    /* A file's. */
    struct scratch_content content;
    uint64_t content_epoch; /* the tree's epoch when the content came to this name or changed */

    uint64_t accessed; /* nanoseconds since the epoch */
    uint64_t modified;
    uint64_t status_changed;

    uint8_t name_size;
    char name[SCRATCH_NAME_MAX];
};

_Static_assert(sizeof(struct scratch_node) + 16 + 2 * sizeof(void *) <= SCRATCH_NODE_CHARGE,
               "a node takes no more than is counted for it");

struct scratch_tree {
    struct scratch_budget budget;
    uint64_t key[2]; /* of name_hash */
    struct scratch_node **buckets;
    uint32_t bucket_count; /* a power of two */
    uint32_t linked_count; /* nodes in the buckets */
    uint32_t node_count;   /* all there are, also what was removed and is held */
    uint64_t next_number;
    uint64_t next_cookie;
    uint64_t epoch; /* above 0; grows with every mark */
    struct scratch_node *tmp;
    struct scratch_node *workspace;
};

/* An empty tree whose budget has the limit `limit` and charges `memory` (may be NULL).
 * ERROR_MEMORY_LIMIT when not even the top folders fit. */
struct scratch_tree *scratch_tree_new(uint64_t limit, struct linear_memory *memory,
                                      struct error *error);

/* Frees everything, which must not be held any more, and gives back what it took. Accepts NULL. */
void scratch_tree_free(struct scratch_tree *tree);

/* The entry of that name in the folder, or NULL. */
struct scratch_node *scratch_find(const struct scratch_tree *tree,
                                  const struct scratch_node *folder, const char *name, size_t size);

/* Makes an empty file or folder of that name, which must be no "." or ".." and hold no NUL and no
 * slash (inval). nametoolong, noent when the folder was removed, exist; nospc at a limit. */
uint32_t scratch_create(struct scratch_tree *tree, struct scratch_node *folder, const char *name,
                        size_t size, bool is_folder, struct scratch_node **created);

/* Makes an empty file or folder without a name, held once. */
uint32_t scratch_create_unlinked(struct scratch_tree *tree, bool is_folder,
                                 struct scratch_node **created);

/* Gives a node that has no name one; the errors are those of scratch_create. */
uint32_t scratch_link(struct scratch_tree *tree, struct scratch_node *node,
                      struct scratch_node *folder, const char *name, size_t size);

/* Takes the name from a file, or from a folder without entries; not from a top folder. The node is
 * freed unless it is held. */
void scratch_unlink(struct scratch_tree *tree, struct scratch_node *node);

/* rename(2): moves a node to that name, taking the place of what is there. It must not be a top
 * folder. The errors of scratch_create but exist, and inval for a folder into itself or what is
 * beneath it, isdir and notdir for a file over a folder and the other way round, notempty. */
uint32_t scratch_rename(struct scratch_tree *tree, struct scratch_node *node,
                        struct scratch_node *folder, const char *name, size_t size);

/* A node that is held stays when its name is taken away; scratch_drop frees it then. */
void scratch_hold(struct scratch_node *node);
void scratch_drop(struct scratch_tree *tree, struct scratch_node *node);

/* Whether `node` is `folder` or lies beneath it. */
bool scratch_is_beneath(const struct scratch_node *node, const struct scratch_node *folder);

/* The node after `node` when all beneath `top` are walked, each folder before its entries; NULL
 * after the last. Begin with `top` itself. */
struct scratch_node *scratch_next_beneath(const struct scratch_node *top,
                                          struct scratch_node *node);

/* The first entry whose cookie is not below `cookie`, or NULL. Entries that are made and removed
 * between two calls shift nothing. Quick where the folder's last listing was. */
struct scratch_node *scratch_entry_from(struct scratch_node *folder, uint64_t cookie);

/* Names that lead to the node: 1 for a file; for a folder itself, its "." and the ".." of the
 * folders in it; 0 after it was removed. */
uint32_t scratch_link_count(const struct scratch_node *node);

/* Says that a file's content has changed now. */
void scratch_content_changed(struct scratch_tree *tree, struct scratch_node *file);

/* From now on only what changes later counts as changed. */
void scratch_mark(struct scratch_tree *tree);
bool scratch_has_changed(const struct scratch_tree *tree, const struct scratch_node *file);

/* The real clock. */
uint64_t scratch_now(void);

/* Sorts a list that is linked by `sorted_next`, in time n log n and with no memory; returns its new
 * first. */
struct scratch_node *scratch_sort(struct scratch_node *list,
                                  int (*compare)(const struct scratch_node *,
                                                 const struct scratch_node *));

#endif
