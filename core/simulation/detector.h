#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <random>

namespace ptk::simulation {

/// What a detector makes of the mean counts of a pixel, in this order: photon noise, readout noise and rounding to
/// whole counts (none below zero), saturation; then pixels that are dead or behind the beamstop are zero.
struct Detector {
    bool poisson = true;
    double readout_noise = 0;           ///< standard deviation, counts
    std::optional<double> saturation{}; ///< largest count
    at::Tensor blind{};                 ///< (N, N) bool: dead or behind the beamstop; may be undefined
};

/// Exactly round(fraction * N^2) pixels, drawn without repetition. (N, N) bool
at::Tensor dead_pixels(std::int64_t side, double fraction, std::mt19937_64& random);

/// One frame, in place. @param frame  count mean counts, become counts
void detect(float* frame, std::int64_t count, const Detector& detector, std::mt19937_64& random);

} // namespace ptk::simulation
