/* SHA-256 of files, remembered by the files' identity. Invariant: a memo is written for an identity
 * that was the same before and after the file was read. */
#include "engine/file_digest.h"

#include "base/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <nettle/sha2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define READ_SIZE ((size_t)1 << 20)

static void identity_text(const struct stat *status, char *text, size_t size)
{
    (void)snprintf(text, size, "%" PRIu64 " %lld.%09ld %lld.%09ld", (uint64_t)status->st_size,
                   (long long)status->st_mtim.tv_sec, status->st_mtim.tv_nsec,
                   (long long)status->st_ctim.tv_sec, status->st_ctim.tv_nsec);
}

static bool changed_just_now(const struct stat *status)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return status->st_ctim.tv_sec + 1 >= now.tv_sec;
}

static int memo_path(struct buffer *path, const char *directory, const struct stat *status)
{
    return buffer_append_format(path, "%s/%" PRIx64 "-%" PRIx64, directory,
                                (uint64_t)status->st_dev, (uint64_t)status->st_ino);
}

static bool read_memo(const char *path, const char *identity, char digest[FILE_DIGEST_SIZE])
{
    char text[256];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    ssize_t size = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    if (size < FILE_DIGEST_SIZE)
        return false;
    text[size] = '\0';
    if (text[FILE_DIGEST_SIZE - 1] != ' ' || strcmp(text + FILE_DIGEST_SIZE, identity) != 0 ||
        strspn(text, "0123456789abcdef") != FILE_DIGEST_SIZE - 1)
        return false;
    memcpy(digest, text, FILE_DIGEST_SIZE - 1);
    digest[FILE_DIGEST_SIZE - 1] = '\0';
    return true;
}

static void write_memo(const char *path, const char *identity, const char *digest)
{
    BUFFER_LOCAL struct buffer temporary = BUFFER_EMPTY;
    char text[256];
    int size = snprintf(text, sizeof(text), "%s %s", digest, identity);
    if (buffer_append_format(&temporary, "%s.%d", path, (int)getpid()) != 0)
        return;
    int fd =
        open(buffer_text(&temporary), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    bool written = write(fd, text, (size_t)size) == size;
    if (close(fd) != 0 || !written || rename(buffer_text(&temporary), path) != 0)
        (void)unlink(buffer_text(&temporary));
}

static int digest_of_descriptor(int fd, char digest[FILE_DIGEST_SIZE])
{
    struct sha256_ctx context;
    sha256_init(&context);
    uint8_t *bytes = malloc(READ_SIZE);
    if (bytes == NULL)
        return -1;
    ssize_t size;
    while ((size = read(fd, bytes, READ_SIZE)) != 0) {
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            break;
        sha256_update(&context, (size_t)size, bytes);
    }
    int saved = errno;
    free(bytes);
    errno = saved;
    if (size < 0)
        return -1;
    uint8_t binary[SHA256_DIGEST_SIZE];
    sha256_digest(&context, sizeof(binary), binary);
    for (size_t i = 0; i < sizeof(binary); i++)
        (void)snprintf(digest + 2 * i, 3, "%02x", binary[i]);
    return 0;
}

int file_digest(const char *path, const char *memo_directory, char digest[FILE_DIGEST_SIZE],
                struct error *error)
{
    BUFFER_LOCAL struct buffer memo = BUFFER_EMPTY;
    struct stat before;
    struct stat after;
    char identity[128];
    /* O_NONBLOCK: a FIFO in the file's place must not make us wait. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot open %s", path);
    int result = -1;
    if (fstat(fd, &before) != 0) {
        error_set_errno(error, ERROR_INTERNAL, errno, "cannot examine %s", path);
    } else if (!S_ISREG(before.st_mode)) {
        error_set(error, ERROR_INTERNAL, "%s is not a regular file", path);
    } else if (memo_path(&memo, memo_directory, &before) != 0) {
        error_set(error, ERROR_INTERNAL, "out of memory");
    } else {
        identity_text(&before, identity, sizeof(identity));
        bool settled = !changed_just_now(&before);
        if (settled && read_memo(buffer_text(&memo), identity, digest)) {
            result = 0;
        } else if (digest_of_descriptor(fd, digest) != 0) {
            error_set_errno(error, ERROR_INTERNAL, errno, "cannot read %s", path);
        } else {
            result = 0;
            if (settled && fstat(fd, &after) == 0 && after.st_size == before.st_size &&
                after.st_ctim.tv_sec == before.st_ctim.tv_sec &&
                after.st_ctim.tv_nsec == before.st_ctim.tv_nsec)
                write_memo(buffer_text(&memo), identity, digest);
        }
    }
    (void)close(fd);
    return result;
}
