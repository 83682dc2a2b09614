#include "tracking/curl.h"

#include "base/error.h"

#include <dlfcn.h>

namespace ptk::tracking {

namespace {

void* open_library()
{
    for (const char* name : {"libcurl.so.4", "libcurl-gnutls.so.4", "libcurl.so"})
        if (void* library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL))
            return library;
    const char* reason = ::dlerror();
    fail(Status::Unsupported,
         "tracking.uri: tracking needs libcurl, which cannot be opened ({}); install it (Debian: libcurl4)",
         reason == nullptr ? "no reason given" : reason);
}

template <class Function> void find(void* library, const char* name, Function& function)
{
    function = reinterpret_cast<Function>(::dlsym(library, name));
    require(function != nullptr, Status::Unsupported, "tracking.uri: the libcurl of this machine has no {}", name);
}

Curl load()
{
    void* library = open_library(); // stays open: curl_global_init() is for the life of the process
    Curl curl{};
    find(library, "curl_global_init", curl.global_init);
    find(library, "curl_easy_init", curl.easy_init);
    find(library, "curl_easy_cleanup", curl.easy_cleanup);
    find(library, "curl_easy_reset", curl.easy_reset);
    find(library, "curl_easy_setopt", curl.easy_setopt);
    find(library, "curl_easy_perform", curl.easy_perform);
    find(library, "curl_easy_getinfo", curl.easy_getinfo);
    find(library, "curl_easy_strerror", curl.easy_strerror);
    find(library, "curl_slist_append", curl.slist_append);
    find(library, "curl_slist_free_all", curl.slist_free_all);
    require(curl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, Status::Unsupported,
            "tracking.uri: libcurl cannot be initialised");
    return curl;
}

} // namespace

const Curl& curl()
{
    static const Curl loaded = load();
    return loaded;
}

} // namespace ptk::tracking
