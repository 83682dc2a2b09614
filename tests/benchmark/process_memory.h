#pragma once
#include <fstream>
#include <string>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace ptk::benchmarks {

/// A line "key:  number kB" of what Linux knows about this process, in MB; 0 elsewhere.
inline double process_mb(const std::string& key)
{
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(key + ":"))
            return std::stod(line.substr(key.size() + 1)) / 1024;
    return 0;
}

/// Memory in use now, and the most there was since the last reset. @{
inline double resident_mb()
{
    return process_mb("VmRSS");
}
inline double most_resident_mb()
{
    return process_mb("VmHWM");
}
inline void reset_most_resident()
{
#if defined(__GLIBC__)
    malloc_trim(0); // what is free but still here would not count when it is taken again
#endif
    std::ofstream("/proc/self/clear_refs") << "5";
}
/// @}

} // namespace ptk::benchmarks
