#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace ptk::data {

/// What must hold of every number of the frames that were read, bad pixels zero.
/// @param frames  (k, h, w) any real type @param first  number of the first of them, for messages
/// @throws Error(Format) for NaN, infinite and negative values
void check_numbers(const at::Tensor& frames, std::int64_t first, const std::string& source, const std::string& key);

/// True when a number of floating type is not whole.
bool has_fractions(const at::Tensor& frames);

} // namespace ptk::data
