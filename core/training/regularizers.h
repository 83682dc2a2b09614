#pragma once
#include "config/config.h"
#include "registry/registry.h"

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

namespace ptk::training {

/// How a penalty is reduced.
enum class PenaltyForm {
    Mean, ///< over pixels, so that a weight means the same for every N and group; phases round the circle
    Sum,  ///< over the pixels of a group, mean over groups; phases as they are, with their jumps: PtychoPINN's
};

/// Penalty of predicted patches, scalar float64, differentiable.
/// @param patches  (B, G, N, N) complex, the object's transmission as the network has it, before patches are merged
using Regularizer = std::function<at::Tensor(const at::Tensor& patches, PenaltyForm form)>;
using RegularizerRegistry = registry::Registry<Regularizer>;

/// All regularizers of the library, from one explicit table: tv_amplitude, tv_phase, mean_deviation_amplitude,
/// mean_deviation_phase. The weight of each is option "training.regularizers.<name>". Threads: any.
const RegularizerRegistry& builtin_regularizers();

/// A regularizer that a training asked for.
struct Penalty {
    std::string name;
    double weight; ///< > 0
    std::function<at::Tensor(const at::Tensor& patches)> of;
};

/// Those whose weight is not 0, in the order of the registry. PenaltyForm::Sum with compat = "ptychopinn".
std::vector<Penalty> penalties_of(const config::Settings& settings);

// Before reduction; images (B, ..., H, W) real, results (B) float64:

/// Sum of |differences| of neighbours in a row and in a column. Anisotropic total variation.
/// @param circular  values are phases in radians; a difference is taken the short way round
/// Source: Rudin, Osher & Fatemi, Physica D 60, 259 (1992), with the 1-norm of the gradient, as PtychoPINN (digest 4.6)
at::Tensor total_variation(const at::Tensor& images, bool circular = false);

/// Sum of |x - mean of its image|. @see circular_deviation() for phases. Source: PtychoPINN (digest 4.6)
at::Tensor mean_deviation(const at::Tensor& images);

/// The same of the phases of complex images, from the phase of the mean phasor of each: turning the object or a jump by
/// 2 pi change nothing. Pixels of zero count as phase zero, without a gradient.
/// Source of the mean: Mardia & Jupp, Directional Statistics (2000), section 2.2
at::Tensor circular_deviation(const at::Tensor& images);

} // namespace ptk::training
