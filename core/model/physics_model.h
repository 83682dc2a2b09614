#pragma once
#include "config/config.h"
#include "generators/generator.h"
#include "physics/amplitude_forward.h"

namespace ptk::model {

/// The forward model that a network is trained through (option physics.model).
enum class PhysicsModel { Tiles, Amplitude, Rectangular };

PhysicsModel physics_model(const config::Settings& settings);

/// Settings of PtychoPINN's forward models.
struct PtychoPinnSettings {
    PhysicsModel model = PhysicsModel::Amplitude;
    bool poisson = true;          ///< else mean absolute difference
    bool match_norm = false;      ///< see mae_loss()
    bool count_intensity = false; ///< contract: the network sees counts
    bool loss_in_counts = false;  ///< amplitude: see physics.loss_units
    bool alpha_beta = false;
    bool scales_trainable = true;
    bool scales_from_data = false;
    bool squared_again = false; ///< rectangular: mae squares the prediction once more, as the reference
    double probe_scale = 4;
    double gain = 1;
    physics::PatchMerge merge = physics::PatchMerge::CentralMask;
    std::int64_t padded = 0; ///< side of the merged region
};

/// What the options say for this generator, whose groups have @p group_size frames of @p side pixels.
/// @throws Error(InvalidConfig) naming every option that contradicts physics.model, and what it has to be
PtychoPinnSettings ptychopinn_settings(const config::Settings& settings, const generators::Generator& generator,
                                       std::int64_t group_size, std::int64_t side);

} // namespace ptk::model
