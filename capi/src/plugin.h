// Generators from outside: tables of C functions, shared libraries, TorchScript programs.
#pragma once
#include "handles.h"

#include <string>

namespace ptk::capi {

/// What ptk_plugin_load() does.
void load_plugin(const Context& context, const std::string& path);
/// The files of option 'plugins', one after the other.
void load_plugins(const Context& context, const std::string& paths);

} // namespace ptk::capi
