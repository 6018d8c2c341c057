/* Reads YAML as configuration uses it, from libyaml's events. Invariant: the depth is fixed
 * (section, key, item), so no input can make the reading recurse or grow beyond its own size. */
#include "base/config_yaml.h"

#include "base/buffer.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one, when `have_event` */
    bool have_event;
    const char *file; /* NULL: the text of one value */
    const char *key;  /* whose value is being read, or NULL */
    struct error *error;
};

static size_t event_line(const struct reader *reader)
{
    return reader->event.start_mark.line + 1;
}

/* Puts file, line and key before the error that is set. Returns -1. */
static int locate(struct reader *reader, size_t line)
{
    if (reader->key != NULL)
        error_prefix(reader->error, "%.100s", reader->key);
    if (reader->file != NULL)
        error_prefix(reader->error, "%s:%zu", reader->file, line);
    return -1;
}

static int fail_here(struct reader *reader, const char *message)
{
    error_set(reader->error, ERROR_INVALID_REQUEST, "%s", message);
    return locate(reader, event_line(reader));
}

/* Moves on to the next event. */
static int next(struct reader *reader)
{
    if (reader->have_event)
        yaml_event_delete(&reader->event);
    reader->have_event = yaml_parser_parse(&reader->parser, &reader->event) != 0;
    if (!reader->have_event) {
        const yaml_parser_t *parser = &reader->parser;
        /* The mark is not set for bytes that are no text at all; the offset is, then. */
        if (parser->error == YAML_READER_ERROR)
            error_set(reader->error, ERROR_INVALID_REQUEST, "not YAML text: %s at byte %zu",
                      parser->problem, parser->problem_offset);
        else
            error_set(reader->error, ERROR_INVALID_REQUEST, "not valid YAML: %s",
                      parser->problem == NULL ? "out of memory" : parser->problem);
        return locate(reader, parser->problem_mark.line + 1);
    }
    const yaml_event_t *event = &reader->event;
    if (event->type == YAML_ALIAS_EVENT ||
        (event->type == YAML_SCALAR_EVENT && event->data.scalar.anchor != NULL) ||
        (event->type == YAML_SEQUENCE_START_EVENT && event->data.sequence_start.anchor != NULL) ||
        (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.anchor != NULL))
        return fail_here(reader, "anchors and aliases are not accepted here: write the value out");
    if ((event->type == YAML_SCALAR_EVENT && event->data.scalar.tag != NULL) ||
        (event->type == YAML_SEQUENCE_START_EVENT && event->data.sequence_start.tag != NULL) ||
        (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.tag != NULL))
        return fail_here(reader, "tags are not accepted here: write the value without it");
    return 0;
}

/* A copy of the current scalar. */
static char *scalar_text(struct reader *reader)
{
    const char *value = (const char *)reader->event.data.scalar.value;
    if (strlen(value) != reader->event.data.scalar.length) {
        fail_here(reader, "the text holds a NUL character");
        return NULL;
    }
    char *copy = strdup(value);
    if (copy == NULL)
        fail_here(reader, "out of memory");
    return copy;
}

static bool scalar_is_quoted(const struct reader *reader)
{
    return reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
}

/* YAML 1.2.2, section 10.3.2. */
static bool scalar_is_null(const struct reader *reader)
{
    const char *text = (const char *)reader->event.data.scalar.value;
    return !scalar_is_quoted(reader) &&
           (strcmp(text, "") == 0 || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 ||
            strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0);
}

static int append_item(struct reader *reader, struct yaml_value *value, char *item)
{
    char **items = realloc(value->items, (value->item_count + 1) * sizeof(*items));
    if (items == NULL) {
        free(item);
        return fail_here(reader, "out of memory");
    }
    value->items = items;
    value->items[value->item_count++] = item;
    return 0;
}

static int read_list(struct reader *reader, struct yaml_value *value)
{
    value->shape = YAML_LIST;
    for (;;) {
        if (next(reader) != 0)
            return -1;
        if (reader->event.type == YAML_SEQUENCE_END_EVENT)
            return 0;
        if (reader->event.type != YAML_SCALAR_EVENT || scalar_is_null(reader))
            return fail_here(reader, "each item of the list must be a text");
        char *item = scalar_text(reader);
        if (item == NULL || append_item(reader, value, item) != 0)
            return -1;
    }
}

/* Whether an item of `value` begins with "NAME=". */
static bool map_has(const struct yaml_value *value, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < value->item_count; i++) {
        if (strncmp(value->items[i], name, length) == 0 && value->items[i][length] == '=')
            return true;
    }
    return false;
}

static int read_map_entry(struct reader *reader, struct yaml_value *value, const char *name)
{
    if (name[0] == '\0' || strchr(name, '=') != NULL)
        return fail_here(reader, "a name in the map must not be empty or hold '='");
    if (map_has(value, name)) {
        error_set(reader->error, ERROR_INVALID_REQUEST, "%.100s is given twice: remove one", name);
        return locate(reader, event_line(reader));
    }
    if (next(reader) != 0)
        return -1;
    if (reader->event.type != YAML_SCALAR_EVENT || scalar_is_null(reader))
        return fail_here(reader, "each value of the map must be a text (write \"\" for none)");
    char *text = scalar_text(reader);
    if (text == NULL)
        return -1;
    struct buffer item = BUFFER_EMPTY;
    int result = buffer_append_format(&item, "%s=%s", name, text);
    free(text);
    if (result != 0) {
        buffer_free(&item);
        return fail_here(reader, "out of memory");
    }
    return append_item(reader, value, item.data);
}

static int read_map(struct reader *reader, struct yaml_value *value)
{
    value->shape = YAML_MAP;
    for (;;) {
        if (next(reader) != 0)
            return -1;
        if (reader->event.type == YAML_MAPPING_END_EVENT)
            return 0;
        if (reader->event.type != YAML_SCALAR_EVENT)
            return fail_here(reader, "each name of the map must be a text");
        char *name = scalar_text(reader);
        if (name == NULL)
            return -1;
        int result = read_map_entry(reader, value, name);
        free(name);
        if (result != 0)
            return -1;
    }
}

/* Reads the value that begins with the current event. */
static int read_value(struct reader *reader, struct yaml_value *value)
{
    *value = (struct yaml_value){.line = event_line(reader)};
    switch (reader->event.type) {
    case YAML_SEQUENCE_START_EVENT:
        return read_list(reader, value);
    case YAML_MAPPING_START_EVENT:
        return read_map(reader, value);
    case YAML_SCALAR_EVENT:
        if (scalar_is_null(reader))
            return 0;
        value->shape = YAML_TEXT;
        value->quoted = scalar_is_quoted(reader);
        value->text = scalar_text(reader);
        return value->text == NULL ? -1 : 0;
    default:
        return fail_here(reader, "a value is missing");
    }
}

/* Reads the keys of the section whose mapping has just begun. */
static int read_section(struct reader *reader, const char *section, config_yaml_entry *entry,
                        void *argument)
{
    for (;;) {
        if (next(reader) != 0)
            return -1;
        if (reader->event.type == YAML_MAPPING_END_EVENT)
            return 0;
        if (reader->event.type != YAML_SCALAR_EVENT)
            return fail_here(reader, "a key must be a text");
        size_t line = event_line(reader);
        char *name = scalar_text(reader);
        if (name == NULL)
            return -1;
        BUFFER_LOCAL struct buffer key = BUFFER_EMPTY;
        int result = buffer_append_format(&key, "%s.%s", section, name);
        free(name);
        if (result != 0)
            return fail_here(reader, "out of memory");
        struct yaml_value value = {0};
        reader->key = buffer_text(&key);
        result = next(reader) == 0 ? read_value(reader, &value) : -1;
        reader->key = NULL;
        if (result == 0) {
            value.line = line;
            result = entry(argument, buffer_text(&key), &value, reader->error);
            if (result != 0)
                locate(reader, line);
        }
        yaml_value_free(&value);
        if (result != 0)
            return -1;
    }
}

/* Reads the sections of the document whose mapping has just begun. */
static int read_sections(struct reader *reader, config_yaml_entry *entry, void *argument)
{
    for (;;) {
        if (next(reader) != 0)
            return -1;
        if (reader->event.type == YAML_MAPPING_END_EVENT)
            return 0;
        if (reader->event.type != YAML_SCALAR_EVENT)
            return fail_here(reader, "a section's name must be a text");
        char *section = scalar_text(reader);
        if (section == NULL || next(reader) != 0) {
            free(section);
            return -1;
        }
        int result = 0;
        if (reader->event.type == YAML_MAPPING_START_EVENT) {
            result = read_section(reader, section, entry, argument);
        } else if (reader->event.type != YAML_SCALAR_EVENT || !scalar_is_null(reader)) {
            error_set(reader->error, ERROR_INVALID_REQUEST,
                      "%.100s: must be a section with indented keys below it", section);
            result = locate(reader, event_line(reader));
        }
        free(section);
        if (result != 0)
            return -1;
    }
}

/* Opens the parser and moves to the document's first event. `empty` when there is no document. */
static int begin(struct reader *reader, const char *bytes, size_t size, bool *empty)
{
    *empty = false;
    if (size > CONFIG_SOURCE_MAXIMUM) {
        error_set(reader->error, ERROR_INVALID_REQUEST, "larger than %zu bytes",
                  CONFIG_SOURCE_MAXIMUM);
        return locate(reader, 1);
    }
    yaml_parser_set_input_string(&reader->parser, (const unsigned char *)bytes, size);
    yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
    if (next(reader) != 0 || next(reader) != 0)
        return -1;
    if (reader->event.type == YAML_STREAM_END_EVENT) {
        *empty = true;
        return 0;
    }
    return next(reader);
}

/* After the root value: the document and the stream must end. */
static int expect_end(struct reader *reader)
{
    if (next(reader) != 0 || next(reader) != 0)
        return -1;
    if (reader->event.type != YAML_STREAM_END_EVENT)
        return fail_here(reader, "only one document is accepted");
    return 0;
}

static void end(struct reader *reader)
{
    if (reader->have_event)
        yaml_event_delete(&reader->event);
    yaml_parser_delete(&reader->parser);
}

int config_yaml_read(const char *bytes, size_t size, const char *file, config_yaml_entry *entry,
                     void *argument, struct error *error)
{
    struct reader reader = {.file = file, .error = error};
    if (yaml_parser_initialize(&reader.parser) == 0)
        return error_set(error, ERROR_INTERNAL, "%s: out of memory", file);
    bool empty;
    int result = begin(&reader, bytes, size, &empty);
    if (result == 0 && !empty) {
        if (reader.event.type == YAML_MAPPING_START_EVENT)
            result = read_sections(&reader, entry, argument);
        else if (reader.event.type != YAML_SCALAR_EVENT || !scalar_is_null(&reader))
            result = fail_here(&reader, "must be sections of keys (wasi:, logging:, ...)");
        if (result == 0)
            result = expect_end(&reader);
    }
    end(&reader);
    return result;
}

int config_yaml_value(const char *text, struct yaml_value *value, struct error *error)
{
    *value = (struct yaml_value){0};
    struct reader reader = {.error = error};
    if (yaml_parser_initialize(&reader.parser) == 0)
        return error_set(error, ERROR_INTERNAL, "out of memory");
    bool empty;
    int result = begin(&reader, text, strlen(text), &empty);
    if (result == 0 && !empty) {
        result = read_value(&reader, value);
        if (result == 0)
            result = expect_end(&reader);
    }
    end(&reader);
    if (result != 0)
        yaml_value_free(value);
    return result;
}

void yaml_value_free(struct yaml_value *value)
{
    free(value->text);
    for (size_t i = 0; i < value->item_count; i++)
        free(value->items[i]);
    free(value->items);
    *value = (struct yaml_value){0};
}
