#include "generators/generator.h"

#include <ATen/TensorOperators.h>

namespace ptk::generators {

at::Tensor Input::scaled() const
{
    const auto images = intensity ? amplitude.square() : amplitude;
    return scales.defined() ? images * scales : images * scale;
}

} // namespace ptk::generators
