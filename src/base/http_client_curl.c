/* libcurl, loaded when it is first needed: linking it would cost every process 5 ms at its start,
 * the sandbox's among them, and put its TLS library into processes that must never hold such code.
 * Invariant: the table is complete or not handed out. */
#include "base/http_client_curl.h"

#include <dlfcn.h>
#include <string.h>

static struct http_client_curl functions;
static void *library;

static int find(const char *name, void *function)
{
    void *address = dlsym(library, name);
    memcpy(function, &address, sizeof(address));
    return address == NULL ? -1 : 0;
}

const struct http_client_curl *http_client_curl_load(struct error *error)
{
    static const char file[] = "libcurl.so.4";
    if (library != NULL)
        return &functions;
    library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        error_set(error, ERROR_INTERNAL,
                  "cannot load %s, which HTTP calls need: %s (on Debian it is in the package "
                  "libcurl4)",
                  file, dlerror());
        return NULL;
    }
    int result = 0;
#define HTTP_CLIENT_CURL_FIND(NAME) result |= find("curl_" #NAME, &functions.NAME);
    HTTP_CLIENT_CURL_FUNCTIONS(HTTP_CLIENT_CURL_FIND)
#undef HTTP_CLIENT_CURL_FIND
    if (result == 0 && functions.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
        return &functions;
    error_set(error, ERROR_INTERNAL, "%s is too old or cannot be initialised", file);
    (void)dlclose(library);
    library = NULL;
    return NULL;
}
