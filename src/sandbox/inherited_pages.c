/* Page table entries that children inherit. The kernel's rule is in vma_needs_copy() of its
 * mm/memory.c: a private mapping is copied when it has, or had, pages of its own. Invariant: the
 * protection of every mapping is, at the end, what it was. */
#include "sandbox/inherited_pages.h"

#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void write_once(uintptr_t start, size_t size, int protection)
{
    if (mprotect((void *)start, size, protection | PROT_WRITE) != 0)
        return;
    volatile uint8_t *byte = (volatile uint8_t *)start;
    *byte = *byte;
    (void)mprotect((void *)start, size, protection);
}

static int visit_object(struct dl_phdr_info *object, size_t size, void *argument)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)size;
    (void)argument;
    if (strncmp(object->dlpi_name, "linux-vdso", 10) == 0)
        return 0; /* the kernel's own */
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &object->dlpi_phdr[i];
        /* A writable one has pages of its own already: the dynamic linker relocated it. */
        if (header->p_type != PT_LOAD || (header->p_flags & PF_W) != 0 || header->p_memsz == 0)
            continue;
        uintptr_t start = (object->dlpi_addr + header->p_vaddr) & ~(page - 1);
        uintptr_t end =
            (object->dlpi_addr + header->p_vaddr + header->p_memsz + page - 1) & ~(page - 1);
        int protection =
            (header->p_flags & PF_R ? PROT_READ : 0) | (header->p_flags & PF_X ? PROT_EXEC : 0);
        write_once(start, end - start, protection);
    }
    return 0;
}

void inherited_pages_prepare(void)
{
    (void)dl_iterate_phdr(visit_object, NULL);
}
