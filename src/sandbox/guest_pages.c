/* Pages that runs need. Invariant: `written` and `read_only` lie within the memory that was learnt
 * from, which never shrinks. */
#include "sandbox/guest_pages.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

#define PAGE_SIZE ((size_t)4096)
#define ENTRIES 512

/* Bits of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst). */
#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_FILE (UINT64_C(1) << 61)

/* What is noted of a page. */
#define TOUCHED 1u
#define WRITTEN 2u

/* Pages next to each other. */
struct page_run {
    uint32_t first;
    uint32_t count;
};

static struct page_run *written_runs;
static size_t written_run_count;

/* ---- learning, in a process of its own ---- */

/* Shared with the process that waits for this one: a byte a page. */
static uint8_t *noted;
static const struct linear_memory *watched;

/* The first touch of a page. */
static void on_touch(int number, siginfo_t *information, void *context)
{
    uintptr_t offset = (uintptr_t)information->si_addr - (uintptr_t)watched->base;
    int saved = errno;
    (void)number;
    (void)context;
    if (offset >= watched->size)
        _exit(1);
    size_t page = offset / PAGE_SIZE;
    noted[page] |= TOUCHED;
    if (mprotect(watched->base + page * PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE) != 0)
        _exit(1);
    errno = saved;
}

static int watch(void)
{
    /* On the fault handlers' stack: the guest's may be what is touched. */
    struct sigaction action = {.sa_sigaction = on_touch, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGSEGV, &action, NULL) != 0)
        return -1;
    return mprotect(watched->base, watched->size, PROT_NONE);
}

/* What this process wrote is no longer the image's. */
static int note_written(const struct lockdown *lockdown)
{
    static uint64_t entries[ENTRIES];
    int pagemap = lockdown_open_own(lockdown, "pagemap");
    size_t pages = (size_t)watched->size / PAGE_SIZE;
    if (pagemap < 0)
        return -1;
    for (size_t page = 0; page < pages; page += ENTRIES) {
        size_t count = pages - page < ENTRIES ? pages - page : ENTRIES;
        off_t offset = (off_t)(((uintptr_t)watched->base / PAGE_SIZE + page) * sizeof(uint64_t));
        if (pread(pagemap, entries, count * sizeof(uint64_t), offset) !=
            (ssize_t)(count * sizeof(uint64_t)))
            return -1;
        for (size_t i = 0; i < count; i++) {
            if ((entries[i] & PAGEMAP_PRESENT) != 0 && (entries[i] & PAGEMAP_FILE) == 0)
                noted[page + i] |= WRITTEN;
        }
    }
    return close(pagemap);
}

static bool learn(const struct lockdown *lockdown, int (*lesson)(void *argument), void *argument)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(watch() == 0 && lesson(argument) == 0 && note_written(lockdown) == 0 ? 0 : 1);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return status == 0;
}

/* ---- arranging ---- */

/* Calls visit for each longest run of pages of which `wanted` holds, or does not. */
static void visit_runs(size_t pages, bool (*wanted)(uint8_t note), bool holds,
                       void (*visit)(const struct linear_memory *memory, size_t first,
                                     size_t count),
                       const struct linear_memory *memory)
{
    size_t first = 0;
    for (size_t page = 0; page <= pages; page++) {
        if (page < pages && wanted(noted[page]) == holds)
            continue;
        if (page > first)
            visit(memory, first, page - first);
        first = page + 1;
    }
}

static bool is_written(uint8_t note)
{
    return (note & WRITTEN) != 0;
}

static bool is_only_read(uint8_t note)
{
    return note == TOUCHED;
}

static void remember_written(const struct linear_memory *memory, size_t first, size_t count)
{
    (void)memory;
    struct page_run *runs = realloc(written_runs, (written_run_count + 1) * sizeof(*written_runs));
    if (runs == NULL)
        return;
    written_runs = runs;
    written_runs[written_run_count++] =
        (struct page_run){.first = (uint32_t)first, .count = (uint32_t)count};
}

static void map_pages(const struct linear_memory *memory, size_t first, size_t count)
{
    (void)madvise(memory->base + first * PAGE_SIZE, count * PAGE_SIZE, MADV_POPULATE_READ);
}

static void unmap_pages(const struct linear_memory *memory, size_t first, size_t count)
{
    (void)madvise(memory->base + first * PAGE_SIZE, count * PAGE_SIZE, MADV_DONTNEED);
}

/* fork(2) copies the page table of a mapping of a file only if something in it is the process's own
 * (mm/memory.c, vma_needs_copy). The one page is written by every run anyway. */
static void make_forks_copy(const struct linear_memory *memory)
{
    if (written_run_count > 0)
        (void)madvise(memory->base + (size_t)written_runs[0].first * PAGE_SIZE, PAGE_SIZE,
                      MADV_POPULATE_WRITE);
}

/* A page of the image that a single process has mapped would be taken for that process's own by
 * those who count. So this one maps them all, where no fork sees it. */
static void hold_image(const struct linear_memory *memory, int image)
{
    void *held = mmap(NULL, memory->size, PROT_READ, MAP_PRIVATE, image, 0);
    if (held == MAP_FAILED || madvise(held, memory->size, MADV_DONTFORK) != 0)
        return;
    off_t offset = lseek(image, 0, SEEK_DATA);
    while (offset >= 0) {
        off_t hole = lseek(image, offset, SEEK_HOLE);
        (void)madvise((uint8_t *)held + offset, (size_t)(hole - offset), MADV_POPULATE_READ);
        offset = lseek(image, hole, SEEK_DATA);
    }
}

void guest_pages_learn(const struct linear_memory *memory, int image,
                       const struct lockdown *lockdown, int (*lesson)(void *argument),
                       void *argument)
{
    size_t pages = (size_t)memory->size / PAGE_SIZE;
    hold_image(memory, image);
    noted = mmap(NULL, pages, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (noted == MAP_FAILED)
        return;
    watched = memory;
    if (learn(lockdown, lesson, argument)) {
        visit_runs(pages, is_written, true, remember_written, memory);
        visit_runs(pages, is_only_read, true, map_pages, memory);
        /* The kernel mapped their neighbours too. */
        visit_runs(pages, is_only_read, false, unmap_pages, memory);
        make_forks_copy(memory);
    }
    (void)munmap(noted, pages);
}

void guest_pages_populate(const struct linear_memory *memory)
{
    for (size_t i = 0; i < written_run_count; i++)
        (void)madvise(memory->base + (size_t)written_runs[i].first * PAGE_SIZE,
                      written_runs[i].count * PAGE_SIZE, MADV_POPULATE_WRITE);
}
