/* Reads a .env file. Private to the configuration (and its tests).
 *
 * One NAME=VALUE a line, `export ` before it allowed, blank lines and lines that begin with #
 * skipped. A value in single quotes is literal; in double quotes \n \r \t \" \\ and \$ stand for a
 * character; without quotes it is trimmed and ends before " #". Nothing is expanded. A line may end
 * in CR LF; a byte order mark is skipped.
 */
#ifndef SHANNON_BASE_CONFIG_DOTENV_H
#define SHANNON_BASE_CONFIG_DOTENV_H

#include "base/error.h"

#include <stddef.h>

/* 0, or -1 with the error set to end the reading. */
typedef int config_dotenv_entry(void *argument, const char *name, const char *value, size_t line,
                                struct error *error);

/* Reads a whole file's `bytes`; `file` is its name in messages. 0, or -1 with ERROR_INVALID_REQUEST
 * that names file and line (never a value: it may be a key). */
int config_dotenv_read(const char *bytes, size_t size, const char *file, config_dotenv_entry *entry,
                       void *argument, struct error *error);

#endif
