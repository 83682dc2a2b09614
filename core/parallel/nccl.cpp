#include "parallel/nccl.h"

#include <dlfcn.h>
#include <fmt/format.h>

namespace ptk::parallel {

namespace {

std::string reason()
{
    const char* text = ::dlerror();
    return text == nullptr ? "no reason given" : text;
}

NcclModule load()
{
    // The loader looks beside the library that asks: that is in its RUNPATH.
    void* library = ::dlopen("libptychokit_nccl.so", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
        return {nullptr, fmt::format("PtychoKit's module for NCCL could not be opened ({}); it is built with the "
                                     "complete LibTorch: run 'setup.sh --cuda', configure and build again",
                                     reason())};
    NcclModule module;
    module.open = reinterpret_cast<decltype(module.open)>(::dlsym(library, "ptychokit_open_nccl"));
    if (module.open == nullptr)
        module.error = fmt::format("PtychoKit's module for NCCL is of another version ({})", reason());
    return module; // stays open: what it made lives in it
}

} // namespace

const NcclModule& nccl_module()
{
    static const NcclModule module = load();
    return module;
}

} // namespace ptk::parallel
