/* Landlock's rules. Invariant: everything that the running kernel's version can handle is handled,
 * so that only what a rule names is allowed. */
#include "sandbox/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Accesses by version; the kernel's header on the building machine may be older than the kernel. */
#define FILES_1 ((UINT64_C(1) << 13) - 1)
#define FILES_2 (UINT64_C(1) << 13) /* refer */
#define FILES_3 (UINT64_C(1) << 14) /* truncate */
#define FILES_5 (UINT64_C(1) << 15) /* ioctl on devices */
#define NETWORK_4 UINT64_C(3)       /* bind and connect, TCP */
#define SCOPES_6 UINT64_C(3)        /* abstract UNIX sockets, signals */

#define READING (UINT64_C(1) << 2 | UINT64_C(1) << 3) /* files and folders */

/* struct landlock_ruleset_attr of version 6; older kernels take the front of it. */
struct ruleset_attributes {
    uint64_t files;
    uint64_t network;
    uint64_t scopes;
};

static int create_ruleset(long version)
{
    struct ruleset_attributes attributes = {.files = FILES_1};
    size_t size = sizeof(attributes.files);
    if (version >= 2)
        attributes.files |= FILES_2;
    if (version >= 3)
        attributes.files |= FILES_3;
    if (version >= 4) {
        attributes.network = NETWORK_4;
        size = 2 * sizeof(uint64_t);
    }
    if (version >= 5)
        attributes.files |= FILES_5;
    if (version >= 6) {
        attributes.scopes = SCOPES_6;
        size = sizeof(attributes);
    }
    return (int)syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
}

static int allow_reading(int ruleset, const char *path, struct error *error)
{
    int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return error_set_errno(error, ERROR_INVALID_REQUEST, errno,
                               "cannot open the folder %s that is to be readable (--allow-read, "
                               "wasi.allowed_paths)",
                               path);
    const struct landlock_path_beneath_attr rule = {.allowed_access = READING, .parent_fd = folder};
    int result = 0;
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
        result = error_set_errno(error, ERROR_INTERNAL, errno, "cannot make a Landlock rule for %s",
                                 path);
    (void)close(folder);
    return result;
}

int landlock_prepare(const char *const *paths, size_t count, int *ruleset, struct error *error)
{
    *ruleset = -1;
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return 0;
    *ruleset = create_ruleset(version);
    if (*ruleset < 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot make Landlock rules");
    for (size_t i = 0; i < count; i++) {
        if (allow_reading(*ruleset, paths[i], error) == 0)
            continue;
        (void)close(*ruleset);
        *ruleset = -1;
        return -1;
    }
    return 0;
}

int landlock_enter(int ruleset, struct error *error)
{
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) == 0)
        return 0;
    return error_set_errno(error, ERROR_INTERNAL, errno, "cannot enter the Landlock rules");
}
