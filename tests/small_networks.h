// Options that make any generator small, as far as it has them.
#pragma once
#include <nlohmann/json.hpp>

inline nlohmann::json small_network_options()
{
    // Three passes solve a small scan before anything is learnt.
    return {{"generator.passes", 1},
            {"generator.width", 8},
            {"generator.depth", 1},
            {"generator.modes", 6},
            {"generator.cnn_blocks", 1},
            {"generator.levels", 2},
            {"generator.heads", 2},
            {"generator.patch_size", 8},
            {"generator.n_filters_scale", 1},
            {"generator.resnet_blocks", 2},
            {"generator.spectral_bottleneck_blocks", 2},
            {"generator.spectral_bottleneck_modes", 4},
            {"generator.ffno_encoder_blocks", 2}};
}
