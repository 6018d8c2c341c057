/* The seccomp filter of a guest process: a list of system calls that it may make; any other kills
 * it. seccomp(2). */
#ifndef SHANNON_SANDBOX_SYSCALL_FILTER_H
#define SHANNON_SANDBOX_SYSCALL_FILTER_H

#include "base/error.h"

#include <linux/filter.h>
#include <stdbool.h>

/* Compiles the filter into `program`, whose instructions are the caller's to free(3). Only with
 * `folders`, for a process that was granted some, calls that take a path are allowed.
 * ERROR_INTERNAL when libseccomp cannot. */
int syscall_filter_compile(bool folders, struct sock_fprog *program, struct error *error);

#endif
