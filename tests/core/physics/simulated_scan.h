#pragma once
#include "core/physics/gradient.h"
#include "data/scan.h"
#include "physics/far_field.h"
#include "physics/iterative_engine.h"
#include "physics/patches.h"
#include "physics/probe.h"

#include <random>

namespace ptk::testing {

/// A scan with known truth: smooth random object without symmetry, defocused probe of two modes, jittered grid with
/// fractions of a pixel, Poisson counts.
struct SimulatedScan {
    data::Scan scan; ///< its probe is the truth
    physics::EngineState truth;
};

inline at::Tensor smooth_noise(std::int64_t height, std::int64_t width, double pixels, std::uint64_t seed)
{
    const auto y = at::fft_fftfreq(height, 1.0, at::kDouble).unsqueeze(1), x = at::fft_fftfreq(width, 1.0, at::kDouble);
    const auto filter = at::exp(-2 * std::pow(M_PI * pixels, 2) * (y.square() + x.square()));
    const auto noise = at::real(at::fft_ifft2(at::fft_fft2(random({height, width}, at::kDouble, seed)) * filter));
    return noise / noise.std();
}

/// Round aperture, smoothed, out of focus; index N/2 is its centre.
inline at::Tensor defocused_probe(std::int64_t side, double defocus)
{
    const auto r = at::arange(side, at::kDouble) - static_cast<double>(side) / 2;
    const auto square = r.square().unsqueeze(1) + 1.2 * r.square();
    const auto modulus = at::sigmoid((0.20 * side - square.sqrt()) / 1.2);
    return at::polar(modulus, defocus * square).unsqueeze(0);
}

inline SimulatedScan simulate(double counts = 1e5, std::int64_t side = 32, std::int64_t columns = 13,
                              std::int64_t rows = 11, double spacing = 4.5)
{
    std::mt19937_64 random(17);
    std::uniform_real_distribution<double> jitter(-1.2, 1.2);
    auto positions = at::empty({columns * rows, 2}, at::kDouble);
    for (std::int64_t i = 0; i < columns * rows; ++i) {
        positions[i][0] = side / 2 + 4 + spacing * static_cast<double>(i % columns) + jitter(random);
        positions[i][1] = side / 2 + 6 + spacing * static_cast<double>(i / columns) + jitter(random);
    }
    SimulatedScan made;
    const auto frame = physics::frame_for(positions, side);
    const auto amplitude = 0.85 + 0.05 * smooth_noise(frame.height, frame.width, 1.5, 1),
               phase = 0.5 * smooth_noise(frame.height, frame.width, 1.5, 2);
    made.truth.object = at::polar(amplitude, phase).to(at::kComplexFloat);
    made.truth.probe =
        physics::with_power(physics::with_modes(defocused_probe(side, 0.04), 2), counts).to(at::kComplexFloat);
    made.truth.positions = positions;
    made.truth.origin_x = frame.origin_x;
    made.truth.origin_y = frame.origin_y;

    const auto grid = physics::pixel_grid(positions, side);
    const auto probes = physics::shifted_probe(made.truth.probe, grid.fractions);
    std::vector<at::Tensor> patches;
    for (std::int64_t i = 0; i < positions.size(0); ++i) {
        const auto x = grid.corners[i][0].item<std::int64_t>() - frame.origin_x,
                   y = grid.corners[i][1].item<std::int64_t>() - frame.origin_y;
        patches.push_back(made.truth.object.narrow(0, y, side).narrow(1, x, side));
    }
    auto generator = at::make_generator<at::CPUGeneratorImpl>(5);
    const auto frames = at::poisson(physics::far_field_intensity(at::stack(patches), probes), generator);
    made.scan.source = "simulated";
    made.scan.frames = data::frames_in_memory(frames);
    made.scan.positions = positions;
    made.scan.probe = made.truth.probe;
    return made;
}

/// |<a, b>| / (|a| |b|) of the middle of two objects: 1 when they differ by a factor only.
inline double agreement(const at::Tensor& a, const at::Tensor& b, std::int64_t border)
{
    const auto middle = [&](const at::Tensor& object) {
        return object.to(at::kComplexDouble)
            .narrow(0, border, object.size(0) - 2 * border)
            .narrow(1, border, object.size(1) - 2 * border)
            .flatten();
    };
    const auto p = middle(a), q = middle(b);
    return (at::vdot(p, q).abs() / (at::linalg_vector_norm(p) * at::linalg_vector_norm(q))).item<double>();
}

} // namespace ptk::testing
