#include "api.h"

#include <cmath>

namespace api {

Experiment::Experiment(const ptk_context* context)
{
    for (std::int64_t r = 0; r < 40; ++r)
        for (std::int64_t c = 0; c < 40; ++c) {
            const double phase =
                0.8 * std::sin(0.35 * static_cast<double>(r)) * std::cos(0.27 * static_cast<double>(c));
            object.values[static_cast<std::size_t>(r * 40 + c)] =
                std::polar(1.F - 0.2F * static_cast<float>(phase), static_cast<float>(phase));
        }
    double power = 0;
    for (std::int64_t r = 0; r < side; ++r)
        for (std::int64_t c = 0; c < side; ++c) {
            const auto y = static_cast<double>(r - side / 2);
            const auto x = static_cast<double>(c - side / 2);
            const auto value = std::polar(std::exp(-(x * x + y * y) / 18), 0.05 * (x * x + y * y));
            power += std::norm(value);
            probe.values[static_cast<std::size_t>(r * side + c)] = Complex(value);
        }
    for (auto& value : probe.values)
        value *= static_cast<float>(std::sqrt(1e4 / power));

    Array<Complex> patches({count, side, side});
    for (std::int64_t n = 0; n < count; ++n) {
        const std::int64_t left = 1 + (n % rows) * 4;
        const std::int64_t top = 1 + (n / rows) * 4;
        positions.values[static_cast<std::size_t>(2 * n)] = static_cast<double>(left + side / 2);
        positions.values[static_cast<std::size_t>(2 * n + 1)] = static_cast<double>(top + side / 2);
        for (std::int64_t r = 0; r < side; ++r)
            for (std::int64_t c = 0; c < side; ++c)
                patches.values[static_cast<std::size_t>((n * side + r) * side + c)] =
                    object.values[static_cast<std::size_t>((top + r) * 40 + left + c)];
    }
    ok(ptk_forward(context, &patches.view, &probe.view, &patterns.view));
}

Dataset Experiment::dataset(const ptk_context* context, const char* settings) const
{
    const auto options = api::config(settings);
    ok(ptk_config_set_string(options, "data.measurement", "counts"));
    Dataset made;
    ok(ptk_dataset_from_arrays(made.out(), context, &patterns.view, &positions.view, &probe.view, &object.view,
                               options));
    return made;
}

} // namespace api
