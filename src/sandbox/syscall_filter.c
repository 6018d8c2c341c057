/* The list of allowed system calls, compiled. Invariant: what is not named here kills. */
#include "sandbox/syscall_filter.h"

#include "wasi/syscalls.h"

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the C library and the end of a process need beside the WASI host's own list. Nothing in
 * either makes a process, a socket or executable memory, or changes a file by its name. Where a
 * folder is granted, files can be opened to read, by openat2, and looked at: a filter cannot see a
 * path. */
static const int allowed_calls[] = {
    SCMP_SYS(write),           /* the probe's answer */
    SCMP_SYS(brk),             /* the allocator */
    SCMP_SYS(munmap),          /* the allocator */
    SCMP_SYS(madvise),         /* the allocator */
    SCMP_SYS(rt_sigaction),    /* the fault handler, when a fault is not the guest's */
    SCMP_SYS(rt_sigreturn),    /* a handler's return */
    SCMP_SYS(restart_syscall), /* a wait that was stopped and continued */
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

static int allow(scmp_filter_ctx filter, int call)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
}

static int allow_wasi(scmp_filter_ctx filter, const struct wasi_syscall *call)
{
    if (call->second == 0)
        return allow(filter, call->number);
    /* As 32 bits, so that it is not extended by its sign. All 64 are compared: with something in
     * the upper half, which the kernel ignores, it is another and kills. */
    const struct scmp_arg_cmp second =
        SCMP_CMP32(1, SCMP_CMP_EQ, (uint32_t)call->second, (uint32_t)0);
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call->number, 1, &second);
}

static int add_rules(scmp_filter_ctx filter, bool folders)
{
    int status = 0;
    for (size_t i = 0; i < sizeof(allowed_calls) / sizeof(allowed_calls[0]) && status == 0; i++)
        status = allow(filter, allowed_calls[i]);
    /* No guest is given a writable folder, so none needs the calls that change files. */
    const enum wasi_syscall_need most = folders ? WASI_SYSCALL_FOLDER : WASI_SYSCALL_ALWAYS;
    for (const struct wasi_syscall *call = wasi_syscalls; call->purpose != NULL && status == 0;
         call++) {
        if (call->need <= most)
            status = allow_wasi(filter, call);
    }
    /* No memory that is or becomes executable. */
    const struct scmp_arg_cmp not_executable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    if (status == 0)
        status =
            seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, &not_executable);
    if (status == 0)
        status = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, &not_executable);
    return status;
}

/* libseccomp hands out the program only through a descriptor. */
static int read_program(scmp_filter_ctx filter, struct sock_fprog *program)
{
    struct stat status;
    int fd = memfd_create("seccomp", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = seccomp_export_bpf(filter, fd);
    if (result == 0 && fstat(fd, &status) != 0)
        result = -errno;
    if (result == 0) {
        size_t size = (size_t)status.st_size;
        program->filter = malloc(size);
        program->len = (unsigned short)(size / sizeof(struct sock_filter));
        if (program->filter == NULL || pread(fd, program->filter, size, 0) != (ssize_t)size)
            result = -ENOMEM;
    }
    (void)close(fd);
    return result;
}

int syscall_filter_compile(bool folders, struct sock_fprog *program, struct error *error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int status = filter == NULL ? -ENOMEM : add_rules(filter, folders);
    if (status == 0) /* a tree instead of a chain of comparisons */
        (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (status == 0)
        status = read_program(filter, program);
    if (filter != NULL)
        seccomp_release(filter);
    if (status == 0)
        return 0;
    return error_set_errno(error, ERROR_INTERNAL, -status, "cannot build the system call filter");
}
