#pragma once

namespace ptk::model {

/// Version of the library that writes into bundles; equals the project's in CMakeLists.txt (a test compares them).
inline constexpr const char* library_version = "0.1.0";

} // namespace ptk::model
