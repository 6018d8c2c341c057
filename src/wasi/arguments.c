/* args_* and environ_*. Invariant: both ranges are checked in full before the first byte is
 * written. */
#include "wasi/guest_memory.h"
#include "wasi/preview1.h"
#include "wasi/wasi_internal.h"

static uint32_t strings_get(const struct wasi_host *host, const struct string_list *list,
                            uint32_t pointers, uint32_t text)
{
    uint8_t *pointer = guest_at(host, pointers, (uint64_t)list->count * sizeof(uint32_t));
    char *bytes = guest_at(host, text, list->text.size);
    if (pointer == NULL || bytes == NULL)
        return WASI_ERRNO_FAULT;
    size_t offset = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        store_u32(pointer + i * sizeof(uint32_t), text + (uint32_t)offset);
        offset += strlen(list->text.data + offset) + 1;
    }
    if (list->text.size > 0)
        memcpy(bytes, list->text.data, list->text.size);
    return WASI_ERRNO_SUCCESS;
}

static uint32_t strings_sizes_get(const struct wasi_host *host, const struct string_list *list,
                                  uint32_t count, uint32_t text_size)
{
    uint8_t *count_to = guest_at(host, count, sizeof(uint32_t));
    uint8_t *size_to = guest_at(host, text_size, sizeof(uint32_t));
    if (count_to == NULL || size_to == NULL)
        return WASI_ERRNO_FAULT;
    store_u32(count_to, list->count);
    store_u32(size_to, (uint32_t)list->text.size);
    return WASI_ERRNO_SUCCESS;
}

uint32_t preview1_args_get(void *context, uint32_t pointers, uint32_t text)
{
    struct wasi_host *host = context;
    return strings_get(host, &host->arguments, pointers, text);
}

uint32_t preview1_args_sizes_get(void *context, uint32_t count, uint32_t text_size)
{
    struct wasi_host *host = context;
    return strings_sizes_get(host, &host->arguments, count, text_size);
}

uint32_t preview1_environ_get(void *context, uint32_t pointers, uint32_t text)
{
    struct wasi_host *host = context;
    return strings_get(host, &host->variables, pointers, text);
}

uint32_t preview1_environ_sizes_get(void *context, uint32_t count, uint32_t text_size)
{
    struct wasi_host *host = context;
    return strings_sizes_get(host, &host->variables, count, text_size);
}
