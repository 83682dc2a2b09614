#pragma once
#include "data/scan.h"
#include "training/illumination.h"

#include <c10/core/Device.h>

namespace ptk::training {

/// The true object around each frame of a scan whose file has it: what a supervised training compares with. The file's
/// own labels come first; they are taken as they are.
class Labels {
public:
    /// @param subpixel          where patches lie: at exact positions, bilinear, with Interpolate; else at whole pixels
    /// @param subtract_phase    phases count from the mean phase of the object's central third (rows and columns)
    /// @param arithmetic_mean   of the phases in (-pi, pi], as PtychoPINN, which jumps where they wrap; otherwise the
    ///                          phase of the mean of the unit phasors
    /// @throws Error(State) when the scan has no labels and no object, or one of ones only, which is but its frame;
    /// Error(Shape) when a patch leaves it
    Labels(const data::Scan& scan, Subpixel subpixel, bool subtract_phase, bool arithmetic_mean, c10::Device device);

    /// @param frames  (...) int64 on the CPU @return (..., N, N) complex64
    at::Tensor of(const at::Tensor& frames) const;

private:
    void use(const at::Tensor& labels, const at::Tensor& object, bool subtract_phase, bool arithmetic_mean);

    at::Tensor labels_;    ///< (n, N, N) complex64 on the CPU, of the file; undefined when patches are cut
    at::Tensor object_;    ///< (H, W) complex64 on the CPU
    at::Tensor corners_;   ///< (n, 2) int64 (x, y)
    at::Tensor fractions_; ///< (n, 2) float64 in [0, 1), or undefined at whole pixels
    std::int64_t side_;
    c10::Device device_;
};

} // namespace ptk::training
