#pragma once
#include "base/error.h"
#include "core/generators/testing.h"
#include "data/scan.h"
#include "generators/generator.h"
#include "model/model.h"
#include "reconstruction/result.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <string>

namespace ptk::training::testing {

/// Status and message of what @p call throws.
inline std::pair<Status, std::string> error_of(const std::function<void()>& call)
{
    try {
        call();
    } catch (const Error& error) {
        return {error.status(), error.message()};
    }
    return {Status::Ok, "no error"};
}

using generators::testing::registry;

inline std::shared_ptr<model::Model> make_model(const config::Config& config, std::int64_t side = 16)
{
    return model::make_model(registry(), config, side, c10::kCPU);
}

/// A small network and a short training, and what @p more says.
inline config::Config small_config(const std::string& more = "{}")
{
    auto config = config::Config::from_json(R"({
        "generator": {"name": "physics_unet", "width": 4, "depth": 1},
        "scan": {"group_size": 4}, "probe": {"modes": 2, "warm_epochs": 0},
        "training": {"epochs": 3, "batch_size": 2, "validation_fraction": 0.1, "checkpoint_epochs": 1}})");
    config.merge(config::Config::from_json(more));
    return config;
}

/// What a reconstruction would be that finds what a simulated scan was made of.
inline reconstruction::Result truth_of(const data::Scan& scan)
{
    reconstruction::Result truth;
    truth.object = scan.object;
    truth.coverage = at::ones(scan.object.sizes());
    truth.probe = scan.probe;
    truth.positions = scan.positions;
    return truth;
}

inline std::filesystem::path scratch(const std::string& name)
{
    const auto path =
        std::filesystem::path(::testing::TempDir()) / ("ptk_training_" + std::to_string(::getpid()) + "_" + name);
    std::filesystem::remove_all(path);
    return path;
}

/// Two Gaussian modes around a point, (2, N, N): an analytic function, so that a shift by a fraction of a pixel is
/// exact.
inline at::Tensor analytic_probe(std::int64_t side, double x, double y, double width)
{
    const auto axis = at::arange(side, at::kDouble) - static_cast<double>(side / 2);
    const auto dx = (axis - x).unsqueeze(0), dy = (axis - y).unsqueeze(1);
    const auto envelope = (-(dx.square() + dy.square()) / (2 * width * width)).exp();
    const auto first = at::polar(envelope * 20, 0.1 * (dx.square() + dy.square()) / width);
    const auto second = at::complex(envelope * dx * (5 / width), at::zeros_like(envelope));
    return at::stack({first, second});
}

/// A scan whose frames are computed here, from formulas alone: positions on a jittered grid, x and y different.
struct Simulated {
    data::Scan scan;
    at::Tensor object;  ///< (H, W) complex128
    at::Tensor patches; ///< (n, N, N) complex64: the truth around each position's nearest whole pixel
};

/// @param width  of the probe; 0 = an eighth of the side
inline Simulated simulate(std::int64_t columns, std::int64_t rows, std::int64_t side = 16, double jitter = 1.3,
                          double step = 3, double width = 0)
{
    const double spread = width > 0 ? width : static_cast<double>(side) / 8;
    const auto random = at::make_generator<at::CPUGeneratorImpl>(7);
    const auto n = columns * rows;
    const auto columns_of_object = static_cast<std::int64_t>(step * static_cast<double>(columns)) + side + 6;
    const auto height = static_cast<std::int64_t>(step * static_cast<double>(rows)) + side + 6;
    Simulated result;
    const auto rough = at::randn({2, height, columns_of_object}, random, at::kDouble);
    const auto smooth = at::avg_pool2d(rough.unsqueeze(0), 3, 1, 1)[0];
    result.object = at::polar(1 - 0.2 * smooth[0].square().clamp_max(1), smooth[1]);

    auto positions = at::empty({n, 2}, at::kDouble);
    for (std::int64_t i = 0; i < n; ++i) {
        positions[i][0] = static_cast<double>(side) / 2 + 3 + step * static_cast<double>(i % columns);
        positions[i][1] = static_cast<double>(side) / 2 + 3 + step * static_cast<double>(i / columns);
    }
    positions += (at::rand({n, 2}, random, at::kDouble) - 0.5) * jitter;

    std::vector<at::Tensor> frames, patches;
    for (std::int64_t i = 0; i < n; ++i) {
        const double x = positions[i][0].item<double>(), y = positions[i][1].item<double>();
        const auto column = static_cast<std::int64_t>(std::floor(x + 0.5)),
                   row = static_cast<std::int64_t>(std::floor(y + 0.5));
        const auto patch = result.object.narrow(0, row - side / 2, side).narrow(1, column - side / 2, side);
        const auto probe = analytic_probe(side, x - static_cast<double>(column), y - static_cast<double>(row), spread);
        const auto field =
            at::fft_fftshift(at::fft_fft2(probe * patch, c10::nullopt, {-2, -1}, "ortho"), at::IntArrayRef({1, 2}));
        frames.push_back(field.abs().square().sum(0));
        patches.push_back(patch);
    }
    result.patches = at::stack(patches).to(at::kComplexFloat);
    result.scan.source = "simulated";
    result.scan.frames = data::frames_in_memory(at::stack(frames).to(at::kFloat));
    result.scan.measurement = data::Measurement::Counts;
    result.scan.positions = positions;
    result.scan.probe = analytic_probe(side, 0, 0, spread).to(at::kComplexFloat);
    return result;
}

/// A network that knows the answer: patches that the test puts there, times a weight.
class Oracle : public generators::Generator {
public:
    explicit Oracle(at::Tensor patches) : answer(std::move(patches)) { add_parameter("weight", weight); }
    at::Tensor forward(const generators::Input& input) override
    {
        amplitude = input.amplitude;
        return answer.expand(input.amplitude.sizes()) * weight;
    }
    bool grouped() const override { return false; }
    bool needs_probe() const override { return false; }

    at::Tensor answer;
    at::Tensor amplitude;
    at::Tensor weight = at::ones({1});
};

} // namespace ptk::training::testing
