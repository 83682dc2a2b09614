#include "simulation/detector.h"

#include "base/distributions.h"
#include "base/random.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace ptk::simulation {

at::Tensor dead_pixels(std::int64_t side, double fraction, std::mt19937_64& random)
{
    auto mask = at::zeros({side, side}, at::kBool);
    const auto all = static_cast<std::size_t>(side * side);
    std::vector<std::size_t> order(all);
    std::iota(order.begin(), order.end(), 0);
    const auto wanted = static_cast<std::size_t>(std::llround(fraction * static_cast<double>(all)));
    for (std::size_t i = 0; i < std::min(wanted, all); ++i) {
        std::swap(order[i], order[i + base::uniform_below(random, all - i)]);
        mask.data_ptr<bool>()[order[i]] = true;
    }
    return mask;
}

void detect(float* frame, std::int64_t count, const Detector& detector, std::mt19937_64& random)
{
    const bool* blind = detector.blind.defined() ? detector.blind.const_data_ptr<bool>() : nullptr;
    for (std::int64_t i = 0; i < count; ++i) {
        double value = frame[i];
        if (detector.poisson)
            value = static_cast<double>(base::poisson(random, value));
        if (detector.readout_noise > 0)
            value = std::max(0.0, std::round(value + detector.readout_noise * base::normal(random)));
        if (detector.saturation)
            value = std::min(value, *detector.saturation);
        frame[i] = blind != nullptr && blind[i] ? 0.0F : static_cast<float>(value);
    }
}

} // namespace ptk::simulation
