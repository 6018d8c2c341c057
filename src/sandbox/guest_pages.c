/* Pages that runs write. Invariant: `runs` lies within the memory that was learnt from, which never
 * shrinks. */
#include "sandbox/guest_pages.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

#define PAGE_SIZE ((size_t)4096)
#define RUNS_MAX 512

/* Bits of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst). */
#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_FILE (UINT64_C(1) << 61)

/* Pages next to each other. */
struct page_run {
    uint32_t first;
    uint32_t count;
};

static struct page_run *runs; /* shared with the process that learns */
static size_t run_count;

static void note(struct page_run *noted, uint32_t page)
{
    size_t last = 0;
    while (last < RUNS_MAX && noted[last].count > 0)
        last++;
    if (last > 0 && noted[last - 1].first + noted[last - 1].count == page)
        noted[last - 1].count++;
    else if (last < RUNS_MAX)
        noted[last] = (struct page_run){.first = page, .count = 1};
}

/* What this process wrote is no longer the image's. */
static bool note_written(const struct linear_memory *memory, const struct lockdown *lockdown,
                         struct page_run *noted)
{
    static uint64_t entries[512];
    int pagemap = lockdown_open_own(lockdown, "pagemap");
    if (pagemap < 0)
        return false;
    size_t pages = (size_t)memory->size / PAGE_SIZE;
    for (size_t page = 0; page < pages; page += 512) {
        size_t count = pages - page < 512 ? pages - page : 512;
        off_t offset = (off_t)(((uintptr_t)memory->base / PAGE_SIZE + page) * sizeof(uint64_t));
        if (pread(pagemap, entries, count * sizeof(uint64_t), offset) !=
            (ssize_t)(count * sizeof(uint64_t)))
            return false;
        for (size_t i = 0; i < count; i++) {
            if ((entries[i] & PAGEMAP_PRESENT) != 0 && (entries[i] & PAGEMAP_FILE) == 0)
                note(noted, (uint32_t)(page + i));
        }
    }
    return true;
}

void guest_pages_learn(const struct linear_memory *memory, const struct lockdown *lockdown,
                       int (*run)(void *argument), void *argument)
{
    size_t size = (RUNS_MAX + 1) * sizeof(struct page_run);
    struct page_run *noted =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (noted == MAP_FAILED)
        return;
    pid_t pid = fork();
    if (pid == 0)
        _exit(run(argument) == 0 && note_written(memory, lockdown, noted) ? 0 : 1);
    int status = -1;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    runs = malloc(size);
    for (size_t i = 0; status == 0 && runs != NULL && noted[i].count > 0; i++)
        runs[run_count++] = noted[i];
    (void)munmap(noted, size);
}

void guest_pages_populate(const struct linear_memory *memory)
{
    for (size_t i = 0; i < run_count; i++)
        (void)madvise(memory->base + (size_t)runs[i].first * PAGE_SIZE, runs[i].count * PAGE_SIZE,
                      MADV_POPULATE_WRITE);
}
