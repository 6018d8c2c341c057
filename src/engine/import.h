/* A host function that a module may import. */
#ifndef SHANNON_ENGINE_IMPORT_H
#define SHANNON_ENGINE_IMPORT_H

/* `function` is called as RESULT function(void *context, PARAMETERS...), where each letter of
 * `parameters` is one parameter and `result` is "" or one letter: i = uint32_t, I = uint64_t,
 * f = float, F = double. The engine refuses a module whose import has another signature. */
struct engine_import {
    const char *name;
    const char *parameters;
    const char *result;
    void (*function)(void);
};

#endif
