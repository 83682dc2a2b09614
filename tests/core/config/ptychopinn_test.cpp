#include "base/error.h"
#include "config/config.h"
#include "core/generators/testing.h"
#include "generators/all.h"
#include "model/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace ptk::config {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Every field of PtychoPINN's configurations (reference digest 1.1 to 1.6, 4.8) with its default there.
constexpr const char* data_fields = R"({
    "nphotons": 1e5, "scale_contract_version": "ci_intensity_v2", "measurement_domain": "count_intensity", "N": 64,
    "C": 4, "K": 6, "K_quadrant": 30, "n_subsample": 7, "subsample_seed": 42, "grid_size": [2, 2],
    "neighbor_function": "Nearest", "min_neighbor_distance": 0.0, "max_neighbor_distance": 3.0,
    "scan_pattern": "Isotropic", "normalize": "Batch", "probe_scale": 4.0, "probe_normalize": true,
    "data_scaling": "Parseval", "phase_subtraction": true, "x_bounds": [0.1, 0.9], "y_bounds": [0.1, 0.9]})";
constexpr const char* model_fields = R"({
    "mode": "Unsupervised", "architecture": "cnn", "fno_modes": 12, "fno_width": 32, "fno_blocks": 4,
    "fno_cnn_blocks": 2, "learned_input_channels": 1, "fno_input_transform": "none", "max_hidden_channels": null,
    "resnet_width": null, "spectral_bottleneck_blocks": 6, "spectral_bottleneck_modes": 12,
    "spectral_bottleneck_share_weights": true, "spectral_bottleneck_gate_init": 0.1,
    "spectral_bottleneck_gate_mode": "shared", "generator_output_mode": "real_imag", "cnn_output_mode": "amp_phase",
    "use_shared_decoder": false, "intensity_scale_trainable": false, "intensity_scale": 10000.0,
    "max_position_jitter": 10, "num_datasets": 1, "C_model": 4, "n_filters_scale": 2, "amp_activation": "silu",
    "batch_norm": false, "probe_mask": false, "probe_mask_tensor": null, "probe_mask_sigma": 1.0,
    "probe_mask_diameter": null, "edge_pad": 10, "decoder_last_c_outer_fraction": 0.125,
    "decoder_last_amp_channels": 1, "use_legacy_decoder_channel_override": false, "eca_encoder": false,
    "cbam_encoder": true, "cbam_bottleneck": false, "cbam_decoder": false, "eca_decoder": false,
    "spatial_decoder": false, "decoder_spatial_kernel": 7, "object_big": true, "probe_big": true, "offset": 6,
    "C_forward": 4, "training_patch_weighting": "central_mask", "physics_forward_mode": "amplitude",
    "rect_s1s2_trainable": true, "rect_s1s2_init": "ones", "amplitude_physics_gain": 1.0, "pad_object": true,
    "gaussian_smoothing_sigma": 0.0, "loss_function": "Poisson", "amp_loss": null, "phase_loss": null,
    "amp_loss_coeff": 1.0, "phase_loss_coeff": 1.0, "parity_scale_mode": "off", "parity_init_scheme": null})";
constexpr const char* training_fields = R"({
    "training_directories": [], "nll": true, "device": "cuda", "strategy": "ddp", "n_devices": 1,
    "framework": "Lightning", "orchestrator": "Mlflow", "learning_rate": 1e-3, "epochs": 50, "batch_size": 16,
    "epochs_fine_tune": 0, "fine_tune_gamma": 0.1, "scheduler": "Default", "lr_warmup_epochs": 0, "lr_min_ratio": 0.1,
    "plateau_factor": 0.5, "plateau_patience": 2, "plateau_min_lr": 5e-5, "plateau_threshold": 0.0, "num_workers": 4,
    "accum_steps": 1, "gradient_clip_val": 0.0, "gradient_clip_algorithm": "norm", "optimizer": "adam",
    "momentum": 0.9, "weight_decay": 0.0, "adam_beta1": 0.9, "adam_beta2": 0.999, "log_grad_norm": false,
    "grad_norm_log_freq": 1, "stage_1_epochs": 0, "stage_2_epochs": 0, "stage_3_epochs": 0,
    "physics_weight_schedule": "cosine", "stage_3_lr_factor": 0.1, "torch_loss_mode": "poisson",
    "torch_mae_pred_l2_match_target": false, "experiment_name": "Synthetic_Runs", "notes": "",
    "model_name": "PtychoPINNv2", "output_dir": "training_outputs", "train_data_file": null, "test_data_file": null,
    "n_groups": null})";
constexpr const char* inference_fields = R"({
    "middle_trim": 32, "inference_batch_size": 1000, "experiment_number": 0, "pad_eval": true, "window": 20,
    "patch_weighting": "probe", "varpro_scaling": true, "log_patch_stats": false, "patch_stats_limit": null})";
constexpr const char* simulation_fields = R"({
    "objects_per_probe": 4, "diff_per_object": 7000, "object_class": "dead_leaves", "image_size": [250, 250],
    "probe_paths": [], "beamstop_diameter": 4})";
constexpr const char* canonical_fields = R"({
    "gridsize": 1, "model_type": "pinn", "nepochs": 50, "mae_weight": 0, "nll_weight": 1, "realspace_mae_weight": 0,
    "realspace_weight": 0, "n_images": 512, "neighbor_count": 4, "positions_provided": true, "probe_trainable": false,
    "sequential_sampling": false, "enable_oversampling": false, "neighbor_pool_size": null, "backend": "pytorch",
    "train_data_file_path": "a", "test_data_file_path": "b", "output_prefix": "c", "model_path": "d", "debug": false})";
constexpr const char* execution_fields = R"({
    "accelerator": "auto", "devices": 1, "deterministic": true, "precision": "32-true", "pin_memory": false,
    "persistent_workers": false, "prefetch_factor": null, "enable_progress_bar": false, "enable_checkpointing": true,
    "checkpoint_save_top_k": 1, "checkpoint_monitor_metric": "val_loss", "checkpoint_mode": "min",
    "early_stop_patience": 100, "logger_backend": "csv", "recon_log_every_n_epochs": null,
    "recon_log_num_patches": 4, "recon_log_fixed_indices": null, "recon_log_stitch": false,
    "recon_log_max_stitch_samples": null, "ffno_encoder_blocks": 24, "ffno_encoder_modes": 12,
    "ffno_encoder_share_weights": true, "ffno_encoder_gate_init": 0.1, "ffno_encoder_norm": "instance",
    "ffno_encoder_mlp_ratio": 2.0, "max_epochs": 50})";

std::vector<std::pair<std::string, Json>> all_fields()
{
    std::vector<std::pair<std::string, Json>> all;
    for (const auto* part : {data_fields, model_fields, training_fields, inference_fields, simulation_fields,
                             canonical_fields, execution_fields}) {
        const auto fields = Json::parse(part);
        for (const auto& [name, value] : fields.items())
            all.emplace_back(name, value);
    }
    return all;
}

Config one(const std::string& name, const Json& value)
{
    Config config;
    config.set(name, value);
    return config;
}

Settings resolve(const Config& config)
{
    return Settings(model::full_schema(generators::testing::registry(), config), config);
}

/// "" when it is taken.
std::string refusal(const Config& config)
{
    try {
        resolve(config);
    } catch (const Error& error) {
        EXPECT_EQ(error.status(), Status::InvalidConfig);
        return error.message();
    }
    return "";
}

std::string refusal(const std::string& json)
{
    return refusal(Config::from_json(json));
}

bool is_an_option(const std::string& name)
{
    if (library_schema().find(name) != nullptr)
        return true;
    const auto& registry = generators::testing::registry();
    const auto names = registry.names();
    return std::any_of(names.begin(), names.end(), [&](const std::string& generator) {
        return registry.get(generator).metadata.options.find(name) != nullptr;
    });
}

TEST(PtychoPinnFields, EachIsAnOptionOrItsDefaultIsTakenOrTheRefusalSaysWhy)
{
    std::size_t refused = 0;
    for (const auto& [name, value] : all_fields()) {
        const auto message = refusal(one(name, value));
        EXPECT_THAT(message, Not(HasSubstr("unknown option"))) << name;
        if (message.empty() || library_schema().find(name) != nullptr)
            continue; // an option that has bounds or choices of its own
        ++refused;
        EXPECT_THAT(message, HasSubstr(name + " = ")) << name;
        EXPECT_THAT(message, HasSubstr("PtychoPINN")) << name;
        EXPECT_GT(message.size(), name.size() + 70) << name << " has no reason: " << message;
    }
    EXPECT_GT(refused, 40U);
}

TEST(PtychoPinnFields, EachOtherValueIsAnOptionsOrRefusedByName)
{
    for (const auto& [name, value] : all_fields()) {
        if (is_an_option(name))
            continue;
        const auto message = refusal(one(name, Json("something else")));
        EXPECT_THAT(message, HasSubstr(name)) << name;
        EXPECT_THAT(message, Not(HasSubstr("unknown option"))) << name;
    }
}

TEST(PtychoPinnFields, CompatLetsThroughWhatHasNoBearingOnTheNumbers)
{
    for (const auto* part :
         {data_fields, model_fields, training_fields, inference_fields, simulation_fields, execution_fields}) {
        auto config = Config::from_json(part);
        config.set("compat", "ptychopinn");
        EXPECT_EQ(refusal(config), "") << part;
    }
    EXPECT_THAT(refusal(R"({"compat": "ptychopinn", "precision": "16-mixed"})"), HasSubstr("float32"));
    EXPECT_THAT(refusal(R"({"compat": "ptychopinn", "gaussian_smoothing_sigma": 0.5})"), HasSubstr("not smoothed"));
}

TEST(PtychoPinnFields, AllRefusalsComeAtOnce)
{
    const auto message =
        refusal(R"({"data_config": {"N": 64, "nphotons": 1e9}, "training_config": {"device": "cuda"}})");
    for (const auto* part : {"N = 64", "nphotons = 1", "device = \"cuda\"", "ptychokit -d", "data.crop"})
        EXPECT_THAT(message, HasSubstr(part));
}

TEST(PtychoPinnFields, SectionsOfItsFilesAreNotPartOfTheName)
{
    const auto settings = resolve(Config::from_json(
        R"({"data_config": {"C": 4, "K": 5}, "model_config": {"architecture": "cnn", "n_filters_scale": 1},
            "training_config": {"epochs": 3, "scheduler": "ReduceLROnPlateau"}})"));
    EXPECT_EQ(settings.integer("scan.group_size"), 4);
    EXPECT_EQ(settings.integer("scan.neighbours"), 5);
    EXPECT_EQ(settings.integer("generator.n_filters_scale"), 1);
    EXPECT_EQ(settings.integer("training.epochs"), 3);
    EXPECT_EQ(settings.text("training.schedule"), "plateau");
}

TEST(PtychoPinnFields, SomeBecomeOptionsOfAnotherForm)
{
    const auto settings = resolve(Config::from_json(
        R"({"grid_size": [2, 2], "amp_loss": "Total_Variation", "amp_loss_coeff": 0.5, "phase_loss": "Mean_Deviation",
            "measurement_domain": "count_intensity", "scheduler": "Default", "parity_init_scheme": "tf_glorot",
            "mode": "Supervised"})"));
    EXPECT_EQ(settings.integer("scan.group_size"), 4);
    EXPECT_EQ(settings.number("training.regularizers.tv_amplitude"), 0.5);
    EXPECT_EQ(settings.number("training.regularizers.mean_deviation_phase"), 1);
    EXPECT_EQ(settings.number("training.regularizers.tv_phase"), 0);
    EXPECT_EQ(settings.text("physics.scale_contract"), "count_intensity");
    EXPECT_EQ(settings.text("training.schedule"), "constant");
    EXPECT_EQ(settings.text("generator.initializer"), "glorot");
    EXPECT_EQ(settings.text("training.loss"), "supervised");
    EXPECT_EQ(resolve(Config::from_json(R"({"gridsize": 3})")).integer("scan.group_size"), 9);
}

TEST(PtychoPinnFields, ContradictionsAreRefused)
{
    EXPECT_THAT(refusal(R"({"C": 4, "grid_size": [1, 1]})"), HasSubstr("scan.group_size = 1, but 4 is given"));
    EXPECT_THAT(refusal(R"({"grid_size": [1, 2]})"), HasSubstr("two that are equal"));
    EXPECT_THAT(refusal(R"({"C": 4, "C_forward": 1})"), HasSubstr("C_forward"));
    EXPECT_EQ(refusal(R"({"C": 4, "C_forward": 4, "grid_size": [2, 2]})"), "");
    EXPECT_THAT(refusal(R"({"mode": "Supervised", "torch_loss_mode": "poisson"})"), HasSubstr("supervised"));
    const auto supervised = resolve(Config::from_json(R"({"mode": "Supervised", "torch_loss_mode": "mae"})"));
    EXPECT_EQ(supervised.text("training.loss"), "supervised");
    EXPECT_EQ(resolve(Config::from_json(R"({"gradient_clip_val": null})")).number("training.gradient_clip"), 0);
    EXPECT_THAT(refusal(R"({"scale_contract_version": "legacy_v1", "measurement_domain": "count_intensity"})"),
                HasSubstr("measurement_domain"));
    EXPECT_EQ(refusal(R"({"scale_contract_version": "ci_intensity_v2", "measurement_domain": "count_intensity"})"), "");
    EXPECT_THAT(refusal(R"({"amp_loss": "Total_Deviation"})"), HasSubstr("Total_Variation or Mean_Deviation"));
    EXPECT_THAT(refusal(R"({"scheduler": "Adaptive"})"), HasSubstr("training.schedule"));
    EXPECT_THAT(refusal(R"({"fno_modez": 3})"), HasSubstr("unknown option"));
}

} // namespace
} // namespace ptk::config
