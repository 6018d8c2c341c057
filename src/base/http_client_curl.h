/* libcurl, loaded when it is first needed. Private to the HTTP client. */
#ifndef SHANNON_BASE_HTTP_CLIENT_CURL_H
#define SHANNON_BASE_HTTP_CLIENT_CURL_H

#include "base/error.h"

/* The type-checking macros of curl.h stand for the functions themselves, which are not linked. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

/* The functions that are used, each as declared in curl.h. */
#define HTTP_CLIENT_CURL_FUNCTIONS(F)                                                              \
    F(global_init)                                                                                 \
    F(easy_init)                                                                                   \
    F(easy_setopt)                                                                                 \
    F(easy_getinfo)                                                                                \
    F(easy_cleanup)                                                                                \
    F(easy_strerror)                                                                               \
    F(multi_init)                                                                                  \
    F(multi_setopt)                                                                                \
    F(multi_add_handle)                                                                            \
    F(multi_remove_handle)                                                                         \
    F(multi_socket_action)                                                                         \
    F(multi_assign)                                                                                \
    F(multi_info_read)                                                                             \
    F(multi_cleanup)                                                                               \
    F(slist_append)                                                                                \
    F(slist_free_all)                                                                              \
    F(url)                                                                                         \
    F(url_set)                                                                                     \
    F(url_get)                                                                                     \
    F(url_cleanup)                                                                                 \
    F(free)

struct http_client_curl {
#define HTTP_CLIENT_CURL_MEMBER(NAME) __typeof__(&curl_##NAME) NAME;
    HTTP_CLIENT_CURL_FUNCTIONS(HTTP_CLIENT_CURL_MEMBER)
#undef HTTP_CLIENT_CURL_MEMBER
};

/* Loads libcurl on the first call. NULL with ERROR_INTERNAL when it is missing. It stays loaded. */
const struct http_client_curl *http_client_curl_load(struct error *error);

#endif
