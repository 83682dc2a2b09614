#include "generators/blocks/autocast.h"

#include <ATen/autocast_mode.h>

namespace ptk::generators {

Autocast::Autocast(c10::DeviceType device, Precision precision)
    : device_(device), was_enabled_(at::autocast::is_autocast_enabled(device)),
      was_cached_(at::autocast::is_autocast_cache_enabled()), was_type_(at::autocast::get_autocast_dtype(device))
{
    at::autocast::set_autocast_enabled(device, precision == Precision::Bfloat16);
    at::autocast::set_autocast_dtype(device, at::kBFloat16);
    at::autocast::set_autocast_cache_enabled(false);
}

Autocast::~Autocast()
{
    at::autocast::set_autocast_enabled(device_, was_enabled_);
    at::autocast::set_autocast_dtype(device_, was_type_);
    at::autocast::set_autocast_cache_enabled(was_cached_);
}

bool in_bfloat16(const at::Tensor& x)
{
    const auto device = x.device().type();
    return (device == c10::kCPU || device == c10::kCUDA) && at::autocast::is_autocast_enabled(device);
}

} // namespace ptk::generators
