#pragma once
#include <cstddef>
#include <cstdint>

namespace ptk::base {

/// FNV-1a, 64 bits: tells changed content apart, no protection against an attacker. Source: Fowler, Noll & Vo,
/// IETF draft-eastlake-fnv. @param before  the checksum of the bytes before these
inline std::uint64_t checksum(const void* data, std::size_t bytes, std::uint64_t before = 0xcbf29ce484222325ULL)
{
    const auto* byte = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < bytes; ++i)
        before = (before ^ byte[i]) * 0x100000001b3ULL;
    return before;
}

} // namespace ptk::base
