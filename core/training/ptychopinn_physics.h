#pragma once
#include "model/physics_model.h"

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

namespace ptk::training {

/// What PtychoPINN's physics knows of the training frames; frozen before the first step.
struct PtychoPinnStatistics {
    double probe_factor = 1;   ///< of the normalised probe, see physics::normalised_like_ptychopinn()
    double physics_scale = 1;  ///< 1 / mean sum of the amplitudes of a frame
    double mean_intensity = 1; ///< mean count of a pixel; count-intensity contract
    double input_scale = 1;    ///< factor on the network's input; amplitude model
};

/// From a network's patches to PtychoPINN's prediction and loss (physics.model = amplitude | rectangular; reference
/// digest 4.2 to 4.6; golden train_*, loss_*). Amplitudes are in the frames' unit, sqrt(counts).
class PtychoPinnPhysics {
public:
    /// @param probe    (P, N, N) complex64, normalised, on the device of the training
    /// @param mask     (N, N) real that the probe is multiplied with, or undefined
    /// @param factors  "alpha" and "beta", or "s1" and "s2", (experiments) float32 leaves; see factors_of()
    PtychoPinnPhysics(const model::PtychoPinnSettings& settings, const PtychoPinnStatistics& statistics,
                      at::Tensor probe, at::Tensor mask, std::map<std::string, at::Tensor> factors);

    /// Factors that a model of these settings has, of one experiment: those of @p kept, else ones.
    static std::map<std::string, at::Tensor> factors_of(const model::PtychoPinnSettings& settings,
                                                        const std::map<std::string, at::Tensor>& kept,
                                                        c10::Device device);

    /// Amplitude model: amplitudes; rectangular: counts. (B, C, N, N) float32
    /// @param patches      (B, C, N, N) complex64, as the network makes them
    /// @param relative     (B, C, 2) centre minus position, pixels
    /// @param input_scale  (B, 1, 1, 1) float32 that the network's input was multiplied with
    /// @param experiment   (B) int64; undefined: all of the first
    at::Tensor predicted(const at::Tensor& patches, const at::Tensor& relative, const at::Tensor& input_scale,
                         const at::Tensor& experiment = {}) const;

    /// Scalar, float64.
    /// @param predicted  of predicted() @param amplitude (B, C, N, N) float32, sqrt(counts)
    /// @param good       (N, N), 0 at bad pixels, which do not count; or undefined
    at::Tensor loss(const at::Tensor& predicted, const at::Tensor& amplitude, const at::Tensor& good = {}) const;

    /// s1 = s2 = sqrt(mean measured / mean predicted) for factors that are one now: PtychoPINN's start 'data'.
    /// @return that number
    double calibrate(const at::Tensor& predicted, const at::Tensor& amplitude);

    /// Those that are trained, by "physics.NAME"; the tensors themselves.
    struct Factor {
        std::string name;
        at::Tensor tensor;
    };
    std::vector<Factor> trained() const;

private:
    bool rectangular() const { return settings_.model == model::PhysicsModel::Rectangular; }
    double output_scale() const;
    at::Tensor amplitude_loss(const at::Tensor& predicted, const at::Tensor& measured, double pixels) const;
    at::Tensor rectangular_loss(const at::Tensor& predicted, const at::Tensor& counts, double pixels) const;

    model::PtychoPinnSettings settings_;
    PtychoPinnStatistics statistics_;
    at::Tensor probe_, mask_;
    std::map<std::string, at::Tensor> factors_;
};

/// The object is a network's patch, of which s1 and s2 have been taken, times this; in the amplitude model over the
/// input's factor too. @param probe_factor, physics_scale  see PtychoPinnStatistics
double ptychopinn_object_scale(const model::PtychoPinnSettings& settings, double probe_factor, double physics_scale);

} // namespace ptk::training
