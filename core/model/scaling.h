#pragma once
#include "data/normalisation.h"
#include "generators/generator.h"
#include "model/model.h"
#include "physics/rectangular_fit.h"

namespace ptk::model {

/// How frames are scaled for a network and its patches back to the object (options input.*, physics.object_scale), with
/// the statistics that training froze.
struct Scaling {
    /// One factor for all amplitudes, and patches as they are.
    Scaling(double input_scale = 1) : input(input_scale) {} // NOLINT: a number is a scaling

    double input;
    bool per_group = false; ///< a factor for each group, from its own frames, instead of @ref input
    data::InputNorm norm{};
    double object = 0;                  ///< see Model::object_scale
    bool over_input = true;             ///< the object is also divided by the input's factor
    physics::RectangularScales parts{}; ///< factors of the patches' real and imaginary part
    /// Of each of several experiments, (E) float32, instead of @ref input and @ref object; undefined for one.
    at::Tensor inputs{};
    at::Tensor objects{};

    /// @param amplitude    (B, G, N, N) float32, sqrt(counts)
    /// @param experiments  (B) int64: which experiment each group is of; looked at when there are several
    generators::Input input_of(const at::Tensor& amplitude, const at::Tensor& experiments = {}) const;
    /// The object's transmission from what the network made of @p input. (B, G, N, N) complex64
    at::Tensor object_of(const at::Tensor& predicted, const generators::Input& input,
                         const at::Tensor& experiments = {}) const;
};

/// Numbers of experiments, (E), as factors of groups, (B, 1, 1, 1) on the device of @p like.
at::Tensor of_groups(const at::Tensor& numbers, const at::Tensor& experiments, const at::Tensor& like);

/// By the model's own settings: what a network was trained with is what it has to see.
Scaling scaling_of(const Model& model);

/// The part of a scaling that input.scaling, input.rms and input.images describe.
data::InputNorm input_norm(const config::Settings& settings);

} // namespace ptk::model
