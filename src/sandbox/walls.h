/* The kernel's walls around a guest process, by name. Which of them a machine permits is for
 * `shannon doctor`, the log, GET /health and sandbox.require to say.
 */
#ifndef SHANNON_SANDBOX_WALLS_H
#define SHANNON_SANDBOX_WALLS_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wall {
    /* Without these nothing runs. */
    WALL_NO_NEW_PRIVS,
    WALL_SECCOMP,
    WALL_RESOURCE_LIMITS,
    WALL_CAPABILITIES,
    WALL_NOT_DUMPABLE,
    WALL_DESCRIPTORS,
    /* These hold where the kernel permits them. */
    WALL_USER_NAMESPACE,
    WALL_PID_NAMESPACE,
    WALL_NETWORK_NAMESPACE,
    WALL_IPC_NAMESPACE,
    WALL_MOUNT_NAMESPACE,
    WALL_LANDLOCK,
    WALL_COUNT
};

/* A set of walls: bit 1 << wall. */
typedef uint32_t wall_set;

#define WALL_BIT(wall) ((wall_set)1 << (wall))
#define WALLS_ALL ((wall_set)((1u << WALL_COUNT) - 1))
#define WALLS_INDISPENSABLE ((wall_set)((1u << WALL_USER_NAMESPACE) - 1))

/* "seccomp", "network_namespace", ... Static. */
const char *wall_name(enum wall wall);

/* What it does, one line. Static. */
const char *wall_meaning(enum wall wall);

/* What to do when it is not permitted. Static. */
const char *wall_advice(enum wall wall);

/* The wall called `name`, or -1. */
int wall_from_name(const char *name);

/* Appends the names in `walls`, with ", " between. -1 when memory is short. */
int walls_append_names(struct buffer *text, wall_set walls);

/* Finds out, by building them in a process that then ends, which walls this process can put around
 * a guest. About a millisecond. -1 with ERROR_INTERNAL when one of the indispensable ones is not
 * among them. */
int walls_probe(wall_set *walls, struct error *error);

/* Checks `names` (of sandbox.require) against `walls`. -1 with ERROR_INVALID_REQUEST when a name is
 * unknown, ERROR_INTERNAL, with what to do, when a wall is not there. */
int walls_require(wall_set walls, const char *const *names, size_t count, struct error *error);

#endif
