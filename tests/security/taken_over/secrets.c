/* Looks for what should not be where a guest process can see it. See acts.h. */
#include "taken_over.h"

#include "base/file_status.h"
#include "engine/linear_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FIRST_FILE 4
#define LAST_FILE 16
#define PAGE_SIZE ((size_t)4096)
#define FRAME_BITS ((UINT64_C(1) << 55) - 1)
/* The canary is never in memory as it is looked for, or it would find itself. */
#define DISGUISE 0x80
#define CANARY_SIZE 15

static void disguise(uint8_t canary[CANARY_SIZE], int64_t number)
{
    static const char digits[] = "0123456789abcdef";
    static const uint8_t prefix[] = {'c' ^ DISGUISE, 'a' ^ DISGUISE, 'n' ^ DISGUISE, 'a' ^ DISGUISE,
                                     'r' ^ DISGUISE, 'y' ^ DISGUISE, '-' ^ DISGUISE};
    memcpy(canary, prefix, sizeof(prefix));
    for (size_t i = sizeof(prefix); i < CANARY_SIZE; i++)
        canary[i] = (uint8_t)digits[(number >> (4 * (CANARY_SIZE - 1 - i))) & 15] ^ DISGUISE;
}

static int64_t count_between(const uint8_t *start, const uint8_t *end,
                             const uint8_t canary[CANARY_SIZE])
{
    int64_t count = 0;
    while ((size_t)(end - start) >= CANARY_SIZE &&
           (start = memchr(start, 'c', (size_t)(end - start))) != NULL) {
        size_t same = 0;
        while (same < CANARY_SIZE && start + same < end && (start[same] ^ DISGUISE) == canary[same])
            same++;
        count += same == CANARY_SIZE ? 1 : 0;
        start++;
    }
    return count;
}

static ssize_t read_maps(char *text, size_t room)
{
    size_t size = 0;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    for (;;) {
        ssize_t got = read(fd, text + size, room - 1 - size);
        if (got <= 0)
            break;
        size += (size_t)got;
    }
    (void)close(fd);
    text[size] = '\0';
    return (ssize_t)size;
}

int64_t act_find_in_process(int64_t argument)
{
    static char maps[1 << 20];
    uint8_t canary[CANARY_SIZE];
    int64_t count = 0;
    disguise(canary, argument);
    if (read_maps(maps, sizeof(maps)) <= 0)
        return -EACCES;
    for (char *line = strtok(maps, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        unsigned long start;
        unsigned long end;
        char rights[5];
        if (sscanf(line, "%lx-%lx %4s", &start, &end, rights) != 3)
            return -EPROTO;
        /* The kernel's own pages, some of which cannot be read. */
        if (rights[0] == 'r' && strstr(line, "[v") == NULL)
            count += count_between((const uint8_t *)start, (const uint8_t *)end, canary);
    }
    return count;
}

int64_t act_page_map_shows_frames(int64_t argument)
{
    const volatile uint8_t *here = taken_memory->base;
    (void)argument;
    (void)*here;
    for (int fd = FIRST_FILE; fd < LAST_FILE; fd++) {
        uint64_t entry = 0;
        struct iovec vector = {.iov_base = &entry, .iov_len = sizeof(entry)};
        off_t place = (off_t)((uintptr_t)here / PAGE_SIZE * sizeof(entry));
        struct stat status;
        /* Of the files that a session has it is the only one without a size that gives something.
         */
        if (file_status(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size != 0 ||
            preadv(fd, &vector, 1, place) != (ssize_t)sizeof(entry))
            continue;
        return (entry & FRAME_BITS) != 0 ? 1 : 0;
    }
    return -ENOENT;
}
