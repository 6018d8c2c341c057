/* Loads whose value is dropped, in wasm2c's text. Invariant: when in doubt a load counts as one. */
#include "engine/dropped_load.h"

#include <stdio.h>
#include <string.h>

/* The number of the stack slot that a line "  w2c_i0 = ..." assigns, or -1. Its letter is the type.
 */
static int assigned_slot(const char *line, char *name, size_t size)
{
    size_t length;
    int slot;
    line += strspn(line, " ");
    length = strcspn(line, " ");
    if (strncmp(line, "w2c_", 4) != 0 || strncmp(line + length, " = ", 3) != 0 || length >= size ||
        strchr("ijfd", line[4]) == NULL || sscanf(line + 5, "%d", &slot) != 1)
        return -1;
    memcpy(name, line, length);
    name[length] = '\0';
    return slot;
}

/* Also a function may be called "w2c__load": the name of an export. */
bool dropped_load_is_load(const char *line)
{
    const char *value = strstr(line, " = ");
    if (value == NULL)
        return false;
    value += 3;
    return (value[0] == 'i' || value[0] == 'f') &&
           (strncmp(value + 1, "32_load", 7) == 0 || strncmp(value + 1, "64_load", 7) == 0);
}

static bool mentions(const char *line, const char *name)
{
    size_t size = strlen(name);
    for (const char *found = strstr(line, name); found != NULL; found = strstr(found + 1, name)) {
        char after = found[size];
        if (after != '_' && (after < '0' || after > '9'))
            return true;
    }
    return false;
}

bool dropped_load_possible(const char *load, const char *next)
{
    char name[32];
    char above[32] = "";
    int slot = assigned_slot(load, name, sizeof(name));
    if (slot < 0)
        return true;
    if (assigned_slot(next, above, sizeof(above)) == slot + 1)
        return false;
    const char *used = strcmp(name, above) == 0 ? strstr(next, " = ") : next;
    return used == NULL || !mentions(used, name);
}

int dropped_load_keep(struct buffer *line)
{
    const char *call = strstr(line->data, "_load");
    size_t head = (size_t)(call - line->data) + strcspn(call, "(");
    BUFFER_LOCAL struct buffer result = BUFFER_EMPTY;
    if (buffer_append(&result, line->data, head) != 0 ||
        buffer_append_text(&result, "_kept") != 0 ||
        buffer_append_text(&result, line->data + head) != 0)
        return -1;
    struct buffer old = *line;
    *line = result;
    result = old;
    return 0;
}
