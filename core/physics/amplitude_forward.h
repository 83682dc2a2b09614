#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ptk::physics {

// PtychoPINN's forward models from object patches to what its losses compare (reference digest 4.1 to 4.4; golden
// phys_forward_*).

/// How the patches of a group are made to agree before the probe is applied.
enum class PatchMerge { None, CentralMask, Probe, Uniform };

/// Settings of one batch. Tensors that are undefined are left out.
struct PtychoPinnForward {
    PatchMerge merge = PatchMerge::CentralMask;
    std::int64_t padded = 0; ///< side M of the merged region, see padded_side(); not used by PatchMerge::None
    double probe_scale = 4;  ///< amplitude model: divides the probe once more (reference's quirk)
    double gain = 1;         ///< amplitude model: factor on the amplitude
    at::Tensor mask{};       ///< (N, N) real: multiplies the probe; not used as a merging weight
    at::Tensor scale{}; ///< (B, 1, 1, 1) real. Amplitude model: the input's RMS scale, which the output is divided by;
                        ///< rectangular model: k
    at::Tensor alpha{}, beta{}; ///< (B) real, amplitude model: A -> alpha A + beta
    at::Tensor s1{}, s2{};      ///< (B) real, rectangular model: factors of the real and imaginary part
};

/// Amplitude model: merge, cut, illuminate, sum modes coherently, diffract, scale. Differentiable in patches, probe,
/// alpha and beta.
/// @param patches   (B, C, N, N) complex64
/// @param relative  (B, C, 2) centre minus position, pixels
/// @param probe     (P, N, N) complex64
/// @return (B, C, N, N) float32, scaled sqrt(counts)
at::Tensor amplitude_forward(const at::Tensor& patches, const at::Tensor& relative, const at::Tensor& probe,
                             const PtychoPinnForward& options);

/// Rectangular model: I = sum_p |FFT2(k P_p (s1 Re o + i s2 Im o))|^2, orthonormal, modes incoherent. Differentiable in
/// patches, probe, s1, s2.
/// @return (B, C, N, N) float32, counts
at::Tensor rectangular_forward(const at::Tensor& patches, const at::Tensor& relative, const at::Tensor& probe,
                               const PtychoPinnForward& options);

/// PtychoPINN's simulator: modes summed coherently, all frames scaled by one factor to a mean of @p photons (golden
/// phys_illuminate_and_diffract).
struct Illuminated {
    at::Tensor intensity; ///< (n, N, N) float32, counts
    at::Tensor probe;     ///< (P, N, N), times the root of the factor
};
/// @param objects (n, N, N) complex @param probe (P, N, N) complex
Illuminated illuminate_and_diffract(const at::Tensor& objects, const at::Tensor& probe, double photons);

} // namespace ptk::physics
