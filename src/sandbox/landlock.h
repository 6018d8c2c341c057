/* Landlock: a process that may read beneath some folders and do nothing else with files by path.
 * landlock(7), Linux 5.13. */
#ifndef SHANNON_SANDBOX_LANDLOCK_H
#define SHANNON_SANDBOX_LANDLOCK_H

#include "base/error.h"

#include <stddef.h>

/* Makes the rules: all that this kernel's Landlock handles (files, TCP, signals and abstract
 * sockets of others) is forbidden but reading files and folders beneath `paths`. `ruleset` gets a
 * descriptor that is the caller's, or -1 where the kernel has no Landlock. -1 with
 * ERROR_INVALID_REQUEST when a folder cannot be opened, ERROR_INTERNAL. */
int landlock_prepare(const char *const *paths, size_t count, int *ruleset, struct error *error);

/* Puts this process under the rules for good; no_new_privs must be set. -1 with ERROR_INTERNAL. */
int landlock_enter(int ruleset, struct error *error);

#endif
