/* Namespaces for guest processes: user, process numbers, network, IPC, mounts. namespaces(7). */
#ifndef SHANNON_SANDBOX_NAMESPACES_H
#define SHANNON_SANDBOX_NAMESPACES_H

#include "base/error.h"
#include "sandbox/walls.h"

/* Puts this process, which has one thread, into a user namespace of its own, in which it is the
 * user it was and nobody else exists. Whether the kernel permits it. */
bool namespaces_enter_user(void);

/* For a process that was made in a new user namespace (clone(2), CLONE_NEWUSER): maps the user
 * `uid` and group `gid` it was onto themselves. */
void namespaces_map_user(unsigned uid, unsigned gid);

/* Puts this process into those of `wanted` (WALL_NETWORK_NAMESPACE, WALL_IPC_NAMESPACE,
 * WALL_MOUNT_NAMESPACE) that the kernel permits, and adds them to `entered`. In the mount namespace
 * the root is an empty folder that nobody can write to. -1 with ERROR_INTERNAL when the root was
 * changed in part: the process must exit. */
int namespaces_enter(wall_set wanted, wall_set *entered, struct error *error);

#endif
