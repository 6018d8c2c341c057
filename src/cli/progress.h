/* What a person sees while an interpreter is translated. */
#ifndef SHANNON_CLI_PROGRESS_H
#define SHANNON_CLI_PROGRESS_H

#include "base/error.h"

/* A translate_progress (engine/translate.h) that writes to standard error: on a terminal one line,
 * rewritten in place and gone at the end; elsewhere a line a step and one every ten seconds. Silent
 * during the first second, in which a small module is done. `argument` is not used. */
void progress_show(void *argument, const char *step, unsigned elapsed_ms);

/* Translates the module in the file `wasm_path` unless that was done before, with progress. A
 * Ctrl-C ends it with ERROR_KILLED and stays pending until the end of this process. Errors as
 * guest_prepare. */
int progress_translate(const char *wasm_path, struct error *error);

#endif
