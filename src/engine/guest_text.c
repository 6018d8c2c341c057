/* Code on huge pages. Invariant: at no time is a page both writable and executable. */
#include "engine/guest_text.h"

#include <errno.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE_SIZE ((uintptr_t)2 << 20)
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

struct search {
    uintptr_t base;
    struct guest_text *text;
};

static int find(struct dl_phdr_info *information, size_t size, void *argument)
{
    struct search *search = argument;
    struct guest_text *text = search->text;
    (void)size;
    if (information->dlpi_addr != search->base)
        return 0;
    for (int i = 0; i < information->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &information->dlpi_phdr[i];
        if (header->p_type != PT_LOAD)
            continue;
        const uint8_t *start = (const uint8_t *)(information->dlpi_addr + header->p_vaddr);
        if ((header->p_flags & PF_X) != 0) {
            text->start = start;
            text->end = text->limit = start + header->p_memsz;
        } else if (text->end != NULL && text->limit == text->end && start > text->end) {
            text->limit = start - (header->p_vaddr & 4095); /* the loader maps whole pages */
        }
    }
    return 1;
}

bool guest_text_find(struct guest_text *text, uintptr_t base)
{
    struct search search = {.base = base, .text = text};
    *text = (struct guest_text){0};
    (void)dl_iterate_phdr(find, &search);
    return text->start != NULL;
}

int guest_text_copy_to_huge_pages(const struct guest_text *text, struct error *error)
{
    uintptr_t start = (uintptr_t)text->start;
    size_t used = (size_t)(text->end - text->start);
    size_t size = (used + HUGE_PAGE_SIZE - 1) & ~(HUGE_PAGE_SIZE - 1);
    if (start % HUGE_PAGE_SIZE != 0 || (uintptr_t)text->limit < start + size)
        return 0;
    void *place = (void *)start;
    void *copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot copy the translated code");
    memcpy(copy, text->start, used);
    if (mmap(place, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
        MAP_FAILED)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot replace the translated code");
    (void)madvise(place, size, MADV_HUGEPAGE);
    memcpy(place, copy, used);
    (void)munmap(copy, size);
    /* For what the first touch did not get as a huge page. Where the kernel has none, the code lies
     * on ordinary pages, which is slower and nothing else. */
    (void)madvise(place, size, MADV_COLLAPSE);
    if (mprotect(place, size, PROT_READ | PROT_EXEC) != 0)
        return error_set_errno(error, ERROR_INTERNAL, errno,
                               "cannot make the translated code executable");
    return 0;
}
