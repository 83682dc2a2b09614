// The fields of PtychoPINN's configurations that are no options here (reference digest 1.1 to 1.6), and what to do.
#include "config/ptychopinn.h"

#include "base/error.h"

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

namespace ptk::config {

namespace {

struct Field {
    const char* name;
    const char* harmless; ///< JSON list of values that say what happens anyway
    bool idle;            ///< no bearing on the numbers: compat = 'ptychopinn' lets any value through
    const char* reason;
};

constexpr const char* on_the_command_line = "files are arguments of the commands and of the interfaces";
constexpr const char* by_device = "the device is that of the context (ptychokit -d)";
constexpr const char* by_launcher = "processes are those that torchrun, mpirun or srun started (training.parallel)";
constexpr const char* no_pictures_of_epochs = "no pictures are made during a training; history.csv and tracking.* are "
                                              "what is written";
constexpr const char* own_reading = "frames are read ahead on a thread of the training itself";
constexpr const char* not_simulated_so = "simulated experiments have their own options, simulation.*";
constexpr const char* checkpoints = "the run folder always has best.ptk and last.ptk (training.checkpoint_epochs)";

const std::vector<Field>& fields()
{
    // clang-format off
    static const std::vector<Field> all{
        // DataConfig
        {"nphotons", "[100000]", false, "frames are counts, intensities or amplitudes as the file holds them (data.measurement); nothing is scaled to an expected dose"},
        {"N", "[]", true, "the side is that of the frames; data.crop, data.bin and data.pad change it"},
        {"probe_normalize", "[true]", false, "the probe always gets a known power: probe.power says which"},
        // ModelConfig
        {"learned_input_channels", "[1]", false, "networks see one image a frame"},
        {"max_position_jitter", "[]", true, "without effect, there too"},
        {"num_datasets", "[1]", false, "one scan trains one model; several are several trainings (ptychokit train -m goes on with a model)"},
        {"probe_mask_tensor", "[null]", false, "a mask of one's own is a probe that is zero there; probe.mask is the soft disk"},
        {"offset", "[]", true, "informational, there too; positions say where the frames are"},
        {"pad_object", "[]", true, "without effect, there too"},
        {"gaussian_smoothing_sigma", "[0]", false, "the probe is not smoothed: no other part of the physics would know"},
        {"loss_function", "[]", true, "a label, there too; training.loss (torch_loss_mode) is the loss"},
        {"parity_scale_mode", "[\"off\"]", false, "a learnt scale is physics.alpha_beta (amplitude) or physics.scales_trainable (rectangular)"},
        // TrainingConfig
        {"training_directories", "[[]]", false, "a training has one scan, which may be a folder of NPZ files"},
        {"nll", "[]", true, "a label, there too; training.loss (torch_loss_mode) is the loss"},
        {"device", "[]", true, by_device},
        {"strategy", "[null, \"auto\"]", true, by_launcher},
        {"n_devices", "[1]", true, by_launcher},
        {"framework", "[]", true, "there is one trainer"},
        {"orchestrator", "[]", true, "there is one trainer; tracking.uri names an MLflow server"},
        {"plateau_min_lr", "[]", true, "the smallest rate is a fraction of the largest: training.smallest_rate"},
        {"num_workers", "[]", true, own_reading},
        {"log_grad_norm", "[false]", true, "tracking.* records the norm of the gradient"},
        {"grad_norm_log_freq", "[]", true, "tracking.every_steps is how often"},
        {"stage_3_epochs", "[0]", false, "the last stage has what is left of training.epochs; training.stages lists stages of any kind"},
        {"physics_weight_schedule", "[\"cosine\"]", false, "inert there; 'blend' of a stage in training.stages lets one loss grow out of another"},
        {"output_dir", "[]", true, on_the_command_line},
        {"train_data_file", "[]", true, on_the_command_line},
        {"test_data_file", "[]", true, "validation frames are drawn from the scan (training.validation_fraction)"},
        // InferenceConfig
        {"experiment_number", "[0]", false, "a scan is one experiment"},
        {"pad_eval", "[]", true, "the canvas always holds all patches"},
        {"window", "[]", true, "results are whole; scores are of the scanned area"},
        {"patch_weighting", "[\"probe\"]", false, "physics.patch_weighting (training_patch_weighting) holds for training and for stitching; give it to each command"},
        {"log_patch_stats", "[false]", true, "diagnostics are of the validation frames, in log and history"},
        {"patch_stats_limit", "[]", true, "diagnostics are of the validation frames, in log and history"},
        // DatagenConfig
        {"objects_per_probe", "[]", true, not_simulated_so},
        {"diff_per_object", "[]", true, not_simulated_so},
        {"object_class", "[]", true, "simulation.object is what is simulated"},
        {"image_size", "[]", true, "the object is as large as the simulated scan needs"},
        {"probe_paths", "[]", true, "simulation.probe_file is the probe of a simulation"},
        {"beamstop_diameter", "[]", true, "data.beamstop and simulation.beamstop are the diameters, of frames read and simulated"},
        // canonical
        {"mae_weight", "[0, 1]", false, "one loss at a time, training.loss (torch_loss_mode); training.stages blends two over the epochs"},
        {"nll_weight", "[0, 1]", false, "one loss at a time, training.loss (torch_loss_mode); training.stages blends two over the epochs"},
        {"realspace_mae_weight", "[0]", false, "the true object is compared by training.loss = supervised, alone"},
        {"realspace_weight", "[0]", false, "the true object is compared by training.loss = supervised, alone"},
        {"positions_provided", "[true]", false, "positions are needed; refinement.positions corrects them"},
        {"backend", "[\"pytorch\"]", true, "there is one, LibTorch with kernels of our own"},
        {"train_data_file_path", "[]", true, on_the_command_line},
        {"test_data_file_path", "[]", true, on_the_command_line},
        {"output_prefix", "[]", true, on_the_command_line},
        {"model_path", "[]", true, on_the_command_line},
        {"debug", "[false]", true, "ptychokit -v says more"},
        // PyTorchExecutionConfig
        {"accelerator", "[]", true, by_device},
        {"devices", "[1]", true, by_launcher},
        {"precision", "[\"32-true\", \"32\"]", false, "everything is computed in float32"},
        {"pin_memory", "[]", true, own_reading},
        {"persistent_workers", "[]", true, own_reading},
        {"prefetch_factor", "[]", true, own_reading},
        {"enable_progress_bar", "[]", true, "ptychokit -q shows none"},
        {"enable_checkpointing", "[true]", true, checkpoints},
        {"checkpoint_save_top_k", "[1]", true, checkpoints},
        {"checkpoint_monitor_metric", "[\"val_loss\"]", true, "best.ptk is that of the smallest validation loss"},
        {"checkpoint_mode", "[\"min\"]", false, "best.ptk is that of the smallest validation loss"},
        {"logger_backend", "[null, \"csv\"]", true, "history.csv and history.json are always written; tracking.uri names an MLflow server"},
        {"recon_log_every_n_epochs", "[null]", true, no_pictures_of_epochs},
        {"recon_log_num_patches", "[]", true, no_pictures_of_epochs},
        {"recon_log_fixed_indices", "[null]", true, no_pictures_of_epochs},
        {"recon_log_stitch", "[false]", true, no_pictures_of_epochs},
        {"recon_log_max_stitch_samples", "[null]", true, no_pictures_of_epochs},
    };
    // clang-format on
    return all;
}

/// Fields that are options of some networks.
bool is_of_a_network(const std::string& name)
{
    static const std::set<std::string, std::less<>> names{"fno_modes",
                                                          "fno_width",
                                                          "fno_blocks",
                                                          "fno_cnn_blocks",
                                                          "fno_input_transform",
                                                          "max_hidden_channels",
                                                          "resnet_width",
                                                          "generator_output_mode",
                                                          "cnn_output_mode",
                                                          "use_shared_decoder",
                                                          "C_model",
                                                          "n_filters_scale",
                                                          "amp_activation",
                                                          "batch_norm",
                                                          "edge_pad",
                                                          "decoder_last_c_outer_fraction",
                                                          "decoder_last_amp_channels",
                                                          "use_legacy_decoder_channel_override",
                                                          "eca_encoder",
                                                          "cbam_encoder",
                                                          "cbam_bottleneck",
                                                          "cbam_decoder",
                                                          "eca_decoder",
                                                          "spatial_decoder",
                                                          "decoder_spatial_kernel",
                                                          "object_big",
                                                          "probe_big"};
    return names.contains(name) || name.starts_with("spectral_bottleneck_") || name.starts_with("ffno_encoder_");
}

/// Everything that a configuration says of PtychoPINN's fields.
class Translation {
public:
    Translation(const Config& given, const Schema& schema) : given_(given), schema_(schema)
    {
        const auto* compat = value_of("compat");
        lenient_ = compat != nullptr && *compat == "ptychopinn";
    }

    Config run()
    {
        for (const auto& [key, value] : given_.values())
            if (schema_.find(key) == nullptr)
                take(key, value);
            else if (const auto nothing = nothing_for(key); value.is_null() && nothing)
                result_.set(key, *nothing);
            else if (!(key == "torch_loss_mode" && supervised()))
                result_.set(key, value);
        require(refused_.empty(), Status::InvalidConfig, "{}", fmt::join(refused_, "\n"));
        return result_;
    }

private:
    using Rule = void (Translation::*)(const std::string&, const Json&);

    void take(const std::string& key, const Json& value)
    {
        static const std::map<std::string, Rule> rules{
            {"grid_size", &Translation::grid},
            {"gridsize", &Translation::grid},
            {"C_forward", &Translation::forward},
            {"mode", &Translation::mode},
            {"model_type", &Translation::mode},
            {"measurement_domain", &Translation::domain},
            {"amp_loss", &Translation::regularizer},
            {"phase_loss", &Translation::regularizer},
            {"amp_loss_coeff", &Translation::weight},
            {"phase_loss_coeff", &Translation::weight},
            {"parity_init_scheme", &Translation::initializer},
        };
        if (const auto rule = rules.find(key); rule != rules.end())
            return (this->*rule->second)(key, value);
        const auto field =
            std::find_if(fields().begin(), fields().end(), [&](const Field& known) { return key == known.name; });
        if (field != fields().end())
            return drop(*field, value);
        if (!is_of_a_network(key))
            return result_.set(key, value); // no field of PtychoPINN: whoever checks keys will say so
        if (!lenient_)
            refuse(
                key, value,
                fmt::format("it belongs to other networks than '{}'; leave it out, or say compat = ptychopinn, which "
                            "lets it through",
                            text_of("generator.name", "physics_unet")));
    }

    void drop(const Field& field, const Json& value)
    {
        const auto harmless = Json::parse(field.harmless);
        if ((field.idle && lenient_) || std::find(harmless.begin(), harmless.end(), value) != harmless.end())
            return;
        refuse(field.name, value,
               field.idle
                   ? std::string(field.reason) + "; leave it out, or say compat = ptychopinn, which lets it through"
                   : field.reason);
    }

    void refuse(const std::string& key, const Json& value, const std::string& reason)
    {
        refused_.push_back(fmt::format("{} = {}: not an option here, but PtychoPINN's: {}", key,
                                       value.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 80),
                                       reason));
    }

    /// A square grid of frames is a group of so many.
    void grid(const std::string& key, const Json& value)
    {
        const bool pair = value.is_array() && value.size() == 2 && value[0].is_number_integer() && value[0] == value[1];
        if (!pair && !value.is_number_integer())
            return refuse(key, value, "expected one whole number, or two that are equal");
        const auto side = pair ? value[0].get<std::int64_t>() : value.get<std::int64_t>();
        put(key, value, "scan.group_size", side * side);
    }

    /// What None means for a field whose option here takes no null.
    static std::optional<Json> nothing_for(const std::string& key)
    {
        static const std::map<std::string, Json> values{
            {"gradient_clip_val", 0}, {"probe_mask", false}, {"subsample_seed", 0}, {"inference_batch_size", 64}};
        const auto found = values.find(key);
        return found == values.end() ? std::nullopt : std::optional(found->second);
    }

    /// There the loss of supervised training is called mae.
    bool supervised() const
    {
        const auto is = [&](const char* key, const char* word) {
            const auto found = given_.values().find(key);
            return found != given_.values().end() && found->second == word;
        };
        return (is("mode", "Supervised") || is("model_type", "supervised")) && is("torch_loss_mode", "mae");
    }

    void forward(const std::string& key, const Json& value)
    {
        const auto* group = value_of("scan.group_size");
        for (const auto* name : {"C_model", "generator.C_model"})
            if (const auto found = given_.values().find(name); group == nullptr && found != given_.values().end())
                group = &found->second;
        if (group == nullptr || *group != value)
            refuse(key, value, "the physics sees the groups that the network sees: scan.group_size (C)");
    }

    void mode(const std::string& key, const Json& value)
    {
        if (supervised())
            return result_.set("training.loss", "supervised");
        if (value == "Supervised" || value == "supervised")
            return put(key, value, "training.loss", "supervised");
        if (value != "Unsupervised" && value != "unsupervised" && value != "pinn")
            refuse(key, value, "expected Unsupervised (pinn) or Supervised");
    }

    void initializer(const std::string& key, const Json& value)
    {
        if (value == "tf_glorot")
            return put(key, value, "generator.initializer", "glorot");
        if (!value.is_null() && value != "default")
            refuse(key, value, "expected tf_glorot; generator.initializer has more");
    }

    void domain(const std::string& key, const Json& value)
    {
        if (value == "count_intensity" || value == "normalized_amplitude")
            return put(key, value, "physics.scale_contract", value == "count_intensity" ? "count_intensity" : "legacy");
        refuse(key, value, "expected count_intensity or normalized_amplitude");
    }

    void regularizer(const std::string& key, const Json& value)
    {
        if (value.is_null())
            return;
        const std::string image = key == "amp_loss" ? "amplitude" : "phase";
        const auto weight = given_.values().find(key + "_coeff");
        if (value != "Total_Variation" && value != "Mean_Deviation")
            return refuse(key, value, "expected Total_Variation or Mean_Deviation, or nothing");
        put(key, value,
            (value == "Total_Variation" ? "training.regularizers.tv_" : "training.regularizers.mean_deviation_") +
                image,
            weight == given_.values().end() ? Json(1.0) : weight->second);
    }

    void weight(const std::string& key, const Json& value)
    {
        const auto kind = given_.values().find(key.substr(0, key.size() - std::string("_coeff").size()));
        const bool used = kind != given_.values().end() && !kind->second.is_null();
        if (!used && !lenient_ && value != 1.0)
            refuse(key, value, "it is the weight of a regularizer that is not asked for");
    }

    /// Unless the configuration says something else under our name.
    void put(const std::string& key, const Json& value, const std::string& option, const Json& ours)
    {
        const auto* said = value_of(option);
        const bool same = said == nullptr || *said == ours || (said->is_string() && our_word(*said) == ours);
        if (!same)
            return refuse(key, value, fmt::format("it is {} = {}, but {} is given", option, ours.dump(), said->dump()));
        if (said == nullptr)
            result_.set(option, ours);
    }

    /// What is given for an option of ours, under any of its names.
    const Json* value_of(const std::string& option) const
    {
        for (const auto& [key, value] : given_.values()) {
            const auto* found = library_schema().find(key);
            if (found != nullptr && found->name == option)
                return &value;
        }
        return nullptr;
    }

    std::string text_of(const std::string& option, const std::string& otherwise) const
    {
        const auto* value = value_of(option);
        return value != nullptr && value->is_string() ? value->get<std::string>() : otherwise;
    }

    const Config& given_;
    const Schema& schema_;
    bool lenient_ = false;
    Config result_;
    std::vector<std::string> refused_;
};

} // namespace

std::string our_word(const std::string& word)
{
    static const std::map<std::string, std::string> words{
        {"rectangular_scaled", "rectangular"},  {"legacy_v1", "legacy"},
        {"ci_intensity_v2", "count_intensity"}, {"default", "constant"},
        {"multistage", "multi_stage"},          {"warmupcosine", "warmup_cosine"},
        {"reducelronplateau", "plateau"}};
    const auto found = words.find(word);
    return found == words.end() ? word : found->second;
}

bool is_ptychopinn_section(const std::string& name)
{
    static constexpr std::array sections{"data_config", "model_config", "training_config", "inference_config",
                                         "datagen_config"};
    return std::find(sections.begin(), sections.end(), name) != sections.end();
}

Config from_ptychopinn(const Config& given, const Schema& schema)
{
    return Translation(given, schema).run();
}

} // namespace ptk::config
