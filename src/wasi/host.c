/* The life of a host and what its owner grants: arguments, variables, standard descriptors,
 * preopens and scratch. Invariant: nothing is reachable that was not granted here, and no preopen
 * exists unless openat2(2) was seen to keep a path beneath its folder. */
#include "wasi/wasi_host.h"

#include "wasi/wasi_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STRINGS_SIZE_MAX ((size_t)16 << 20)
#define FIRST_PREOPEN 3u

struct wasi_host *wasi_host_new(struct linear_memory *memory)
{
    struct wasi_host *host = calloc(1, sizeof(*host));
    if (host == NULL)
        return NULL;
    host->memory = memory;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    return host;
}

void wasi_host_set_memory(struct wasi_host *host, struct linear_memory *memory)
{
    host->memory = memory;
    if (host->scratch != NULL)
        scratch_budget_set_memory(&host->scratch->budget, memory);
}

void wasi_host_free(struct wasi_host *host)
{
    if (host == NULL)
        return;
    for (uint32_t fd = 0; fd < WASI_DESCRIPTORS_MAX; fd++)
        descriptor_release(host, fd);
    scratch_tree_free(host->scratch);
    buffer_free(&host->arguments.text);
    buffer_free(&host->variables.text);
    buffer_free(&host->grants);
    free(host);
}

static int string_list_add(struct string_list *list, const char *what, const char *text,
                           struct error *error)
{
    size_t size = strlen(text) + 1;
    /* Each string costs the guest a pointer too. */
    size_t used = list->text.size + (size_t)list->count * sizeof(uint32_t);
    if (size > STRINGS_SIZE_MAX || used + size + sizeof(uint32_t) > STRINGS_SIZE_MAX)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "the %s are larger than 16 MiB altogether: pass the data through standard "
                         "input or a file",
                         what);
    if (buffer_append(&list->text, text, size) != 0)
        return error_set(error, ERROR_INTERNAL, "not enough memory for the %s", what);
    list->count++;
    return 0;
}

int wasi_host_add_argument(struct wasi_host *host, const char *text, struct error *error)
{
    return string_list_add(&host->arguments, "arguments", text, error);
}

/* Takes out the string that begins with the first `size` bytes of `prefix`, if there is one. */
static void string_list_remove(struct string_list *list, const char *prefix, size_t size)
{
    char *end = list->text.data + list->text.size;
    for (char *item = list->text.data; item < end; item += strlen(item) + 1) {
        if (strncmp(item, prefix, size) != 0)
            continue;
        size_t removed = strlen(item) + 1;
        memmove(item, item + removed, (size_t)(end - item) - removed);
        list->text.size -= removed;
        list->count--;
        return;
    }
}

int wasi_host_add_variable(struct wasi_host *host, const char *text, struct error *error)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "an environment variable is written NAME=VALUE with a name, not '%.64s'",
                         text);
    if (host->variables.count > 0)
        string_list_remove(&host->variables, text, (size_t)(equals - text) + 1);
    return string_list_add(&host->variables, "environment variables", text, error);
}

/* A terminal is told from other character devices by having no right to seek: that is how wasi-libc
 * answers isatty(3). */
static uint64_t standard_rights(int guest_fd, int host_fd, int access_mode, mode_t mode)
{
    uint64_t rights =
        WASI_RIGHT_FD_FDSTAT_SET_FLAGS | WASI_RIGHT_FD_FILESTAT_GET | WASI_RIGHT_POLL_FD_READWRITE;
    if (guest_fd == STDIN_FILENO && access_mode != O_WRONLY)
        rights |= WASI_RIGHT_FD_READ;
    if (guest_fd != STDIN_FILENO && access_mode != O_RDONLY)
        rights |= WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_SYNC | WASI_RIGHT_FD_DATASYNC;
    if (!S_ISCHR(mode) || isatty(host_fd) == 0)
        rights |= WASI_RIGHT_FD_SEEK | WASI_RIGHT_FD_TELL;
    if (S_ISREG(mode))
        rights |= WASI_RIGHT_FD_ADVISE;
    return rights;
}

int wasi_host_set_standard(struct wasi_host *host, int guest_fd, int host_fd, struct error *error)
{
    if (guest_fd < STDIN_FILENO || guest_fd > STDERR_FILENO)
        return error_set(error, ERROR_INTERNAL,
                         "guest descriptor %d is not a standard descriptor (0, 1 or 2)", guest_fd);
    struct stat status;
    int flags = fcntl(host_fd, F_GETFL);
    if (flags < 0 || fstat(host_fd, &status) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno,
                               "cannot give the guest descriptor %d of the host as its %d", host_fd,
                               guest_fd);
    if (S_ISDIR(status.st_mode))
        return error_set(error, ERROR_INVALID_REQUEST,
                         "a folder cannot be the guest's standard descriptor %d", guest_fd);
    descriptor_release(host, (uint32_t)guest_fd);
    host->descriptors[guest_fd] = (struct descriptor){
        .kind = DESCRIPTOR_STANDARD,
        .host_fd = host_fd,
        .borrowed = true,
        .filetype = filetype_from_mode(status.st_mode),
        .flags = (flags & O_APPEND) != 0 ? WASI_FDFLAGS_APPEND : 0,
        .grant = (uint32_t)guest_fd,
        .rights = standard_rights(guest_fd, host_fd, flags & O_ACCMODE, status.st_mode),
    };
    return 0;
}

/* openat2(2) must exist and must refuse to leave the folder. Where it does not there is no second
 * way: a resolver of our own would be checked before use and raced after. */
static int check_confinement(int directory, const char *guest_path, struct error *error)
{
    int outside = resolve_open(directory, "..", O_PATH, 0);
    if (outside < 0 && errno == EXDEV)
        return 0;
    if (outside >= 0) {
        (void)close(outside);
        return error_set(error, ERROR_INTERNAL,
                         "cannot grant the folder '%s': openat2(2) of this kernel does not confine "
                         "paths to it. Run shannon on Linux 5.6 or newer",
                         guest_path);
    }
    return error_set_errno(error, ERROR_INTERNAL, errno,
                           "cannot grant the folder '%s': openat2(2), which confines paths to it, "
                           "does not work here. Run shannon on Linux 5.6 or newer and let no "
                           "seccomp filter around it refuse openat2",
                           guest_path);
}

/* A description of our own on the folder behind `host_fd`, so that nothing is shared with whoever
 * opened that. */
static int open_own_directory(int host_fd)
{
    int own = resolve_open(host_fd, ".", O_RDONLY | O_DIRECTORY, 0);
    if (own < 0 && errno == EACCES)
        own = resolve_open(host_fd, ".", O_PATH | O_DIRECTORY, 0);
    return own;
}

static int make_preopen(int host_fd, const char *guest_path, bool writable,
                        struct descriptor *preopen, struct error *error)
{
    if (check_confinement(host_fd, guest_path, error) != 0)
        return -1;
    *preopen = (struct descriptor){
        .kind = DESCRIPTOR_DIRECTORY,
        .host_fd = open_own_directory(host_fd),
        .changeable = writable,
        .filetype = WASI_FILETYPE_DIRECTORY,
        .rights = DIRECTORY_RIGHTS,
        .inheriting = WASI_RIGHTS_ALL, /* programs ask for all they know, sockets too */
    };
    if (preopen->host_fd < 0)
        return error_set_errno(error, ERROR_INVALID_REQUEST, errno, "cannot open the folder '%s'",
                               guest_path);
    if (is_procfs(preopen->host_fd)) {
        (void)close(preopen->host_fd);
        return error_set(error, ERROR_INVALID_REQUEST,
                         "cannot grant the folder '%s': procfs reaches into running processes. "
                         "Copy the files that are needed elsewhere and grant that",
                         guest_path);
    }
    preopen->preopen_path = strdup(guest_path);
    if (preopen->preopen_path == NULL) {
        (void)close(preopen->host_fd);
        return error_set(error, ERROR_INTERNAL, "not enough memory to grant the folder '%s'",
                         guest_path);
    }
    return 0;
}

/* The number of the next preopen, or WASI_DESCRIPTORS_MAX when there is none left. */
static uint32_t next_preopen(const struct wasi_host *host)
{
    uint32_t fd = FIRST_PREOPEN;
    while (fd < WASI_DESCRIPTORS_MAX && host->descriptors[fd].kind != DESCRIPTOR_CLOSED)
        fd++;
    return fd;
}

/* Takes the preopen over, also on failure. */
static int install_preopen(struct wasi_host *host, uint32_t fd, struct descriptor *preopen,
                           struct error *error)
{
    const char *path = preopen->preopen_path;
    const char *letter = preopen->node != NULL ? "S" : "H";
    size_t former = host->grants.size;
    if (buffer_append(&host->grants, letter, 1) != 0 ||
        buffer_append(&host->grants, path, strlen(path) + 1) != 0) {
        host->grants.size = former;
        descriptor_discard(host, preopen);
        return error_set(error, ERROR_INTERNAL, "not enough memory to grant a folder");
    }
    preopen->grant = fd;
    host->descriptors[fd] = *preopen;
    return 0;
}

int wasi_host_add_preopen(struct wasi_host *host, int host_fd, const char *guest_path,
                          bool writable, struct error *error)
{
    int result = -1;
    struct descriptor preopen;
    uint32_t fd = next_preopen(host);
    size_t length = strlen(guest_path);
    if (length == 0 || length > WASI_PATH_MAX)
        error_set(error, ERROR_INVALID_REQUEST,
                  "a granted folder needs a guest path of 1 to %d bytes", WASI_PATH_MAX);
    else if (fd == WASI_DESCRIPTORS_MAX)
        error_set(error, ERROR_INVALID_REQUEST,
                  "cannot grant the folder '%s': a guest has at most %d descriptors", guest_path,
                  WASI_DESCRIPTORS_MAX);
    else
        result = make_preopen(host_fd, guest_path, writable, &preopen, error);
    if (host_fd >= 0)
        (void)close(host_fd);
    return result == 0 ? install_preopen(host, fd, &preopen, error) : -1;
}

static int make_scratch_preopen(struct scratch_node *folder, const char *guest_path,
                                struct descriptor *preopen, struct error *error)
{
    *preopen = (struct descriptor){
        .kind = DESCRIPTOR_SCRATCH_DIRECTORY,
        .host_fd = -1,
        .filetype = WASI_FILETYPE_DIRECTORY,
        .rights = DIRECTORY_RIGHTS,
        .inheriting = WASI_RIGHTS_ALL,
        .preopen_path = strdup(guest_path),
        .node = folder,
    };
    if (preopen->preopen_path == NULL)
        return error_set(error, ERROR_INTERNAL, "not enough memory to grant the folder '%s'",
                         guest_path);
    scratch_hold(folder);
    return 0;
}

static int add_scratch_preopen(struct wasi_host *host, struct scratch_node *folder,
                               const char *guest_path, struct error *error)
{
    struct descriptor preopen;
    uint32_t fd = next_preopen(host);
    if (fd == WASI_DESCRIPTORS_MAX)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "cannot grant the folder '%s': a guest has at most %d descriptors",
                         guest_path, WASI_DESCRIPTORS_MAX);
    if (make_scratch_preopen(folder, guest_path, &preopen, error) != 0)
        return -1;
    return install_preopen(host, fd, &preopen, error);
}

/* Takes scratch back, of which the first preopen may have been installed. */
static void remove_scratch(struct wasi_host *host, size_t former_grants)
{
    for (uint32_t fd = FIRST_PREOPEN; fd < WASI_DESCRIPTORS_MAX; fd++) {
        if (host->descriptors[fd].node != NULL)
            descriptor_release(host, fd);
    }
    scratch_tree_free(host->scratch);
    host->scratch = NULL;
    host->grants.size = former_grants;
}

int wasi_host_add_scratch(struct wasi_host *host, uint64_t limit_bytes, struct error *error)
{
    size_t former_grants = host->grants.size;
    if (host->scratch != NULL)
        return error_set(error, ERROR_INTERNAL, "scratch was granted already");
    host->scratch = scratch_tree_new(limit_bytes, host->memory, error);
    if (host->scratch == NULL)
        return -1;
    if (add_scratch_preopen(host, host->scratch->tmp, "/tmp", error) == 0 &&
        add_scratch_preopen(host, host->scratch->workspace, "/workspace", error) == 0)
        return 0;
    remove_scratch(host, former_grants);
    return -1;
}

int wasi_host_add_workspace(struct wasi_host *host, const char *guest_path, struct error *error)
{
    return add_scratch_preopen(host, host->scratch->workspace, guest_path, error);
}

size_t wasi_host_descriptors(const struct wasi_host *host, int *descriptors, size_t maximum)
{
    size_t count = 0;
    for (uint32_t fd = 0; fd < WASI_DESCRIPTORS_MAX && count < maximum; fd++) {
        if (host->descriptors[fd].host_fd >= 0 && host->descriptors[fd].kind != DESCRIPTOR_CLOSED &&
            !host->descriptors[fd].borrowed)
            descriptors[count++] = host->descriptors[fd].host_fd;
    }
    return count;
}
