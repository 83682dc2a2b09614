#include "generators/generator.h"
#include "physics/rpie.h"

#include <ATen/TensorOperators.h>

namespace ptk::generators {

at::Tensor Input::scaled() const
{
    const auto images = intensity ? amplitude.square() : amplitude;
    return scales.defined() ? images * scales : images * scale;
}

at::Tensor Input::imposed(const at::Tensor& patches, double alpha) const
{
    const auto moved = fractions.defined() ? fractions.flatten(0, 1) : fractions;
    return physics::rpie_step(patches.flatten(0, 1), probe.flatten(0, 1), amplitude.flatten(0, 1), alpha, /*step=*/1,
                              good, propagator, moved)
        .view(amplitude.sizes());
}

} // namespace ptk::generators
