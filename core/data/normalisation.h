#pragma once
#include "data/scan.h"

namespace ptk::data {

// Factors that bring frames to order one before a network sees them, and what else PtychoPINN derives from sums over
// frames (golden phys_scale_constants). X are the images of a frame: amplitudes, or intensities where a network is
// given those.

/// How a factor is made.
struct InputNorm {
    enum class Kind {
        Parseval, ///< length / sqrt(mean of sum_hw X^2)
        Largest   ///< 1 / largest sum_hw X
    };
    Kind kind = Kind::Parseval;
    /// Parseval: (N/2)^2 instead of N^2 for the mean energy of a frame. PtychoPINN's memory-mapped data sets take N^2,
    /// its RawData and the count-intensity statistics (N/2)^2.
    bool half_side = false;
    bool intensity = false; ///< X = A^2 instead of A
};

/// sqrt(N^2 / mean_n sum_hw X^2): amplitudes of a mean square of one per pixel; with @p half_side (N/2)^2 for N^2.
/// @param mean_energy  mean_n sum_hw X^2
/// @throws Error(InvalidArgument) when @p mean_energy is not a positive number (nor below)
double parseval_scale(double mean_energy, std::int64_t side, bool half_side);

/// Sums over the good pixels of every frame, in double, read in slabs.
struct FrameSums {
    double mean_amplitude = 0;         ///< mean_n sum A
    double mean_intensity = 0;         ///< mean_n sum A^2
    double mean_squared_intensity = 0; ///< mean_n sum A^4
    double largest_amplitude = 0;      ///< max_n sum A
    double largest_intensity = 0;      ///< max_n sum A^2
};
FrameSums frame_sums(const Scan& scan);

/// One factor for all frames (PtychoPINN's 'Batch').
double input_scale(const FrameSums& sums, std::int64_t side, const InputNorm& norm);

/// One factor a group (PtychoPINN's 'Group'): over the C frames of each.
/// @param amplitude  (B, C, N, N) real, sqrt(counts) @return (B, 1, 1, 1) float32
/// @throws Error(InvalidArgument) for a group without light
at::Tensor group_scales(const at::Tensor& amplitude, const InputNorm& norm);

/// PtychoPINN's factor on amplitudes in its losses: 1 / mean_n sum_hw A (of A, not of A^2). Ours divide by the
/// measurement and do not change with it but for a constant.
double physics_scale(double mean_amplitude);

/// Factor that turns amplitudes of any unit into sqrt(counts) of a mean of @p photons in a frame (PtychoPINN's
/// intensity_scale): sqrt(photons / mean_n sum_hw A^2).
double intensity_scale(double photons, double mean_intensity);

} // namespace ptk::data
