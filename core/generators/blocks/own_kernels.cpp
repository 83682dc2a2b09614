#include "generators/blocks/own_kernels.h"

#include "base/error.h"
#include "generators/blocks/autocast.h"
#include "kernels/backend.h"
#include "kernels/cpu/large_pages.h"

#include <ATen/ops/empty.h>

namespace ptk::generators {

bool is_ours(const at::Tensor& x)
{
    return kernels::backend() != kernels::Backend::Aten && x.device().is_cpu() && x.scalar_type() == at::kFloat &&
           x.layout() == at::kStrided && !in_bfloat16(x);
}

void require_first_derivative()
{
    require(!c10::GradMode::is_enabled(), Status::Unsupported,
            "our kernels have no second derivative; set kernels = aten");
}

at::Tensor empty_images(at::IntArrayRef sizes)
{
    auto images = at::empty(sizes, at::TensorOptions(at::kFloat).memory_format(at::MemoryFormat::ChannelsLast));
    if (images.nbytes() >= 2 * kernels::cpu::large_page)
        kernels::cpu::use_large_pages(images.mutable_data_ptr(), images.nbytes());
    return images;
}

at::Tensor pixel_by_pixel(const at::Tensor& x)
{
    return x.permute({0, 2, 3, 1}).contiguous().permute({0, 3, 1, 2});
}

} // namespace ptk::generators
