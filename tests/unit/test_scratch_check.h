/* What must hold for scratch between any two calls, for tests and fuzzers. */
#ifndef SHANNON_TEST_SCRATCH_CHECK_H
#define SHANNON_TEST_SCRATCH_CHECK_H

struct wasi_host;

/* NULL when all is right, else what is not. Takes time in proportion to what scratch holds. */
const char *scratch_check(const struct wasi_host *host);

#endif
