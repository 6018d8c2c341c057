/* Durations and sizes as people write them: `500ms`, `30s`, `2m`; `256M`, `1G`.
 *
 * Decimal digits and at most one unit, nothing else: no sign, no blank, no fraction. Errors are
 * ERROR_INVALID_REQUEST and quote the text.
 */
#ifndef SHANNON_BASE_UNITS_H
#define SHANNON_BASE_UNITS_H

#include "base/error.h"

#include <stdint.h>

/* A duration with the unit `ms`, `s`, `m` or `h`; a bare number is seconds. The result is in
 * milliseconds. 0, or -1 when the text is no duration or does not fit. */
int units_parse_duration(const char *text, uint64_t *milliseconds, struct error *error);

/* A size with the unit `K`, `M`, `G` (powers of 1024; `KiB`, `MiB`, `GiB` mean the same); a bare
 * number is bytes. 0, or -1 when the text is no size or does not fit. */
int units_parse_size(const char *text, uint64_t *bytes, struct error *error);

/* An unsigned decimal number of at most 64 bits, digits only. 0, or -1 without an error message. */
int units_parse_number(const char *text, uint64_t *number);

#endif
