/* `shannon interpreter add`: copies a module to where interpreters are found. Invariant: a file in
 * that folder whose name ends in ".wasm" is whole and was checked. */
#include "base/interruption.h"
#include "cli/command_interpreter_actions.h"
#include "cli/options.h"
#include "engine/file_digest.h"
#include "engine/module_file.h"
#include "sandbox/interpreter.h"
#include "wasi/wasi_host.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE ((size_t)1 << 20)

struct addition {
    const char *name;
    const char *source;
    const char *sha256; /* expected, or NULL */
    bool force;
    struct buffer folder;
    struct buffer target;
    struct buffer partial; /* the copy under way, in the same folder */
    char digest[FILE_DIGEST_SIZE];
};

static int no_memory(struct error *error)
{
    return error_set(error, ERROR_INTERNAL, "out of memory");
}

/* Only a name that `--interpreter NAME` would find again. */
static int check_name(const struct addition *addition, struct error *error)
{
    size_t size = strlen(addition->name);
    if (!interpreter_name_is_valid(addition->name))
        return error_set(error, ERROR_INVALID_REQUEST,
                         "\"%.100s\" cannot be the name of an interpreter: letters, digits, '.', "
                         "'_' and '-' only, not beginning with '.'",
                         addition->name);
    if (size > 5 && strcmp(addition->name + size - 5, ".wasm") == 0)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "\"%s\": leave out \".wasm\", which is added to the name", addition->name);
    return 0;
}

static int check_sha256(const char *text, struct error *error)
{
    if (text == NULL || (strlen(text) == FILE_DIGEST_SIZE - 1 &&
                         strspn(text, "0123456789abcdefABCDEF") == FILE_DIGEST_SIZE - 1))
        return 0;
    return error_set(error, ERROR_INVALID_REQUEST,
                     "--sha256: \"%.80s\" is not 64 hexadecimal digits", text);
}

/* The first folder of the list that exists, else ./wasm-interpreters, which is made. */
static int choose_folder(struct addition *addition, struct error *error)
{
    char folders[INTERPRETER_FOLDERS_MAX][PATH_MAX];
    struct stat status;
    const char *folder = NULL;
    size_t count = interpreter_folders(folders);
    for (size_t i = 0; i < count && folder == NULL; i++) {
        if (stat(folders[i], &status) == 0 && S_ISDIR(status.st_mode))
            folder = folders[i];
    }
    if (folder == NULL) {
        folder = folders[0];
        if (mkdir(folder, 0755) != 0)
            return error_set_errno(error, ERROR_INTERNAL, errno, "cannot make the folder %s",
                                   folder);
    }
    if (buffer_append_text(&addition->folder, folder) != 0 ||
        buffer_append_format(&addition->target, "%s/%s.wasm", folder, addition->name) != 0 ||
        buffer_append_format(&addition->partial, "%s/.%s.wasm.%d", folder, addition->name,
                             (int)getpid()) != 0)
        return no_memory(error);
    return 0;
}

static int already_there(const struct addition *addition, struct error *error)
{
    return error_set(error, ERROR_INVALID_REQUEST,
                     "there is a %s already; choose another name, or replace it with --force",
                     buffer_text(&addition->target));
}

/* Not only to fail early: the rename that decides it may not be available. */
static int check_target(const struct addition *addition, struct error *error)
{
    if (addition->force || access(buffer_text(&addition->target), F_OK) != 0)
        return 0;
    return already_there(addition, error);
}

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        bytes += written;
        size -= (size_t)written;
    }
    return 0;
}

static int copy_bytes(const struct addition *addition, int from, int to, uint8_t *bytes,
                      struct sha256_ctx *context, struct error *error)
{
    for (;;) {
        if (interruption_pending() != 0)
            return error_set(error, ERROR_KILLED, "interrupted while copying");
        ssize_t size = read(from, bytes, READ_SIZE);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return error_set_errno(error, ERROR_INVALID_REQUEST, errno, "cannot read %s",
                                   addition->source);
        if (size == 0)
            break;
        sha256_update(context, (size_t)size, bytes);
        if (write_all(to, bytes, (size_t)size) != 0)
            return error_set_errno(error, ERROR_INTERNAL, errno, "cannot write to %s",
                                   buffer_text(&addition->folder));
    }
    if (fchmod(to, 0644) != 0 || fsync(to) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot write to %s",
                               buffer_text(&addition->folder));
    return 0;
}

static int copy_descriptors(struct addition *addition, int from, int to, struct error *error)
{
    struct sha256_ctx context;
    uint8_t binary[SHA256_DIGEST_SIZE];
    struct stat status;
    if (fstat(from, &status) != 0 || !S_ISREG(status.st_mode))
        return error_set(error, ERROR_INVALID_REQUEST, "%s is not a regular file",
                         addition->source);
    uint8_t *bytes = malloc(READ_SIZE);
    if (bytes == NULL)
        return no_memory(error);
    sha256_init(&context);
    int result = copy_bytes(addition, from, to, bytes, &context, error);
    free(bytes);
    sha256_digest(&context, sizeof(binary), binary);
    for (size_t i = 0; i < sizeof(binary); i++)
        (void)snprintf(addition->digest + 2 * i, 3, "%02x", binary[i]);
    return result;
}

static int copy(struct addition *addition, struct error *error)
{
    int from = open(addition->source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (from < 0)
        return error_set_errno(error, ERROR_INVALID_REQUEST, errno, "cannot open %s",
                               addition->source);
    int to = open(buffer_text(&addition->partial),
                  O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int result = 0;
    if (to < 0)
        result = error_set_errno(error, ERROR_INTERNAL, errno, "cannot write to the folder %s",
                                 buffer_text(&addition->folder));
    else
        result = copy_descriptors(addition, from, to, error);
    if (to >= 0)
        (void)close(to);
    (void)close(from);
    return result;
}

static int check_sum(const struct addition *addition, struct error *error)
{
    if (addition->sha256 == NULL || strcasecmp(addition->sha256, addition->digest) == 0)
        return 0;
    return error_set(error, ERROR_INVALID_REQUEST,
                     "%s has the SHA-256 %s and not %s: it is damaged or another file. Fetch it "
                     "again",
                     addition->source, addition->digest, addition->sha256);
}

static int check_module(const char *path, struct error *error)
{
    struct module_file file;
    if (module_file_open(&file, path, wasi_preview1_imports, error) != 0)
        return -1;
    bool command = wasm_module_export(&file.module, "_start", 0) != NULL;
    module_file_close(&file);
    if (!command)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "%s exports no _start function, so it is not an interpreter", path);
    return 0;
}

static int publish(const struct addition *addition, struct error *error)
{
    const char *partial = buffer_text(&addition->partial);
    const char *target = buffer_text(&addition->target);
    unsigned flags = addition->force ? 0 : RENAME_NOREPLACE;
    if (renameat2(AT_FDCWD, partial, AT_FDCWD, target, flags) == 0)
        return 0;
    if (errno == EINVAL && rename(partial, target) == 0) /* a file system without NOREPLACE */
        return 0;
    if (errno == EEXIST)
        return already_there(addition, error);
    return error_set_errno(error, ERROR_INTERNAL, errno, "cannot make %s", target);
}

static int add(struct addition *addition, struct error *error)
{
    sigset_t former;
    if (check_name(addition, error) != 0 || check_sha256(addition->sha256, error) != 0 ||
        check_module(addition->source, error) != 0 || choose_folder(addition, error) != 0 ||
        check_target(addition, error) != 0)
        return -1;
    interruption_block(&former);
    int result = copy(addition, error);
    if (result == 0)
        result = check_sum(addition, error);
    /* Again: the file may have changed since, and what is installed is the copy. */
    if (result == 0)
        result = check_module(buffer_text(&addition->partial), error);
    if (result == 0)
        result = publish(addition, error);
    if (result != 0)
        (void)unlink(buffer_text(&addition->partial));
    if (interruption_pending() == 0)
        (void)sigprocmask(SIG_SETMASK, &former, NULL);
    return result;
}

int interpreter_action_add(int argc, char **argv)
{
    struct addition addition = {0};
    const struct option rows[] = {
        {"--sha256", OPTION_TEXT, &addition.sha256, "HEX",
         "refuse any file but the one of this sum"},
        {"--force", OPTION_FLAG, &addition.force, NULL, "replace an interpreter of that name"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL},
    };
    const struct option_table table = {
        "interpreter add", "NAME FILE [OPTION...]",
        "Copies FILE, a Python interpreter built for WASI preview1, to NAME.wasm in the first of\n"
        "the folders of interpreters that exists, else in ./wasm-interpreters. Then --interpreter\n"
        "NAME runs it.",
        rows, "The file must be a wasm module that imports only wasi_snapshot_preview1."};
    struct error error = ERROR_NONE;
    const char *words[2];
    size_t count;
    int status = options_parse_words(&table, argc, argv, words, 2, &count, &error);
    if (status == 1)
        return 0;
    if (status == 0 && count < 2)
        status = error_set(&error, ERROR_INVALID_REQUEST,
                           "name the interpreter and its file; see shannon interpreter add --help");
    if (status == 0) {
        addition.name = words[0];
        addition.source = words[1];
        status = add(&addition, &error);
    }
    if (status == 0)
        (void)printf("%s\n  sha256      %s\n"
                     "Its first run translates it; `shannon interpreter build %s` does it now.\n",
                     buffer_text(&addition.target), addition.digest, addition.name);
    buffer_free(&addition.folder);
    buffer_free(&addition.target);
    buffer_free(&addition.partial);
    return status != 0 ? options_fail("interpreter add", &error) : 0;
}
