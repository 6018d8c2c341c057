/* Every system call that a guest can make the host do through wasi_preview1_imports, for a seccomp
 * allow-list to be built from. tests/unit/test_wasi_syscalls.c runs the host beneath filters of
 * exactly these.
 */
#ifndef SHANNON_WASI_SYSCALLS_H
#define SHANNON_WASI_SYSCALLS_H

/* What a host must have been given before it makes a call. Each is for the ones before it too. */
enum wasi_syscall_need {
    WASI_SYSCALL_ALWAYS,
    WASI_SYSCALL_FOLDER,          /* a preopen of the host's file system */
    WASI_SYSCALL_WRITABLE_FOLDER, /* one that may be changed */
};

struct wasi_syscall {
    int number; /* SYS_... of this architecture */
    enum wasi_syscall_need need;
    unsigned long second; /* when not 0, the only value the second argument takes */
    const char *purpose;
};

/* Ends with a purpose of NULL. What the C library needs beside is for the sandbox to allow: memory
 * (brk, mmap, munmap; never mremap), the end (exit_group), a handler's return (rt_sigreturn). */
extern const struct wasi_syscall wasi_syscalls[];

#endif
